/* The scan: one slot is one segment of text, and a team runs it. OpenCL C 1.2; also compiled as C++, for tests under
 * sanitizers.
 *
 * Buffers: 0 the automaton, see automaton.hpp; 1 the text; 2 what was found, in pairs of words; 3 the device's own
 * memory, as large as the text: a team of several lanes copies its segment there first, in whole lines of the bus.
 * Arguments: the segment's first byte in the text, a multiple of 16, and no less than the automaton's overlap; its
 * length; how many bytes in front of it are its first file's, at most the overlap; the first pair of its part of
 * buffer 2, which has 1 + length.
 *
 * The segment is cut into streams, some a lane, which the lane walks side by side: the lookups of one stream wait for
 * each other, those of several do not. Each stream begins as far ahead as a match could reach, and notes the matches
 * that end in itself. Between two files stands a byte that occurs in no pattern: the automaton begins anew behind it.
 * Where patterns have all bytes, a segment has one file's text alone.
 *
 * Buffer 2 gets, from the segment's second pair on and in no order, where a match ends, counted from the segment's
 * first byte, and the accepting state. Then the first pair's first word gets how many there are, and so does the
 * result. */
/* A GPU has lanes enough, and each stream walks the bytes ahead of it too. Tests may ask for its way. */
#ifdef __NV_CL_C_VERSION
#define SCAN_GPU
#endif
#ifdef SCAN_GPU
#define SCAN_STREAMS 2u
#else
#define SCAN_STREAMS 4u
#endif
#define SCAN_TABLE 80u /* the table's first word in the automaton */
#define SCAN_LINE 16u  /* a stream begins at a multiple of it */

/* Words of the team's local memory. */
#define SCAN_HITS 0u
#define SCAN_COLUMNS 16u /* 256 bytes: the column of each byte */
#define SCAN_LOCAL_BYTES 320u

typedef struct {
    const __global uint* table;
    uint start;
    uint limit; /* states below it accept */
    uint last;  /* index of the table's last word */
    uint overlap;
    const __global uchar* text; /* the segment's first byte, where this team reads it */
    uint length;
    uint front;
    __global uint* found; /* the segment's first pair */
} scan_segment;

static inline __local uint* scan_local(const sr_team* team) { return (__local uint*)team->local_memory; }

/* A GPU looks the columns of a word's four bytes up together, ahead of the steps: there a step waits for each lookup.
 * A CPU looks a byte's up when it gets there. */
#ifdef SCAN_GPU
static inline uint scan_word(const __local uchar* column, uint word) {
    return (uint)column[word & 0xFFu] | (uint)column[word >> 8 & 0xFFu] << 8 |
           (uint)column[word >> 16 & 0xFFu] << 16 | (uint)column[word >> 24] << 24;
}
static inline uint scan_column(const __local uchar* column, uint byte) { return (void)column, byte; }
#else
static inline uint scan_word(const __local uchar* column, uint word) { return (void)column, word; }
static inline uint scan_column(const __local uchar* column, uint byte) { return column[byte]; }
#endif

/* Never outside the table, whatever it holds. */
static inline uint scan_step(const scan_segment* s, uint state, uint column) {
    const uint index = sr_plus(state, column);
    return s->table[index < s->last ? index : s->last];
}

/* The bytes ahead of a stream that it begins on, in whole words. */
static inline uint scan_ahead(uint overlap) { return overlap / 4u * 4u + (overlap % 4u != 0 ? 4u : 0u); }

/* What the slot says, checked: the same answer in each lane. */
static inline uint scan_check(sr_args a, const sr_buffers* b, const sr_team* team, scan_segment* s) {
    const uint first = a.word[0], length = a.word[1], front = a.word[2], out = a.word[3];
    if (b->count != 4u || b->bytes[0] / 4u <= SCAN_TABLE || team->local_bytes < SCAN_LOCAL_BYTES)
        return SR_CODE_BAD_ARGUMENT;
    const ulong end = ((ulong)first + length + SCAN_LINE - 1u) / SCAN_LINE * SCAN_LINE;
    if (end > b->bytes[1] || end > b->bytes[3] || front > first) return SR_CODE_OUT_OF_RANGE;
    if ((ulong)out + 1u + length > b->bytes[2] / 8u) return SR_CODE_OUT_OF_RANGE;

    const __global uint* const image = (const __global uint*)b->at[0];
    const uint words = image[0];
    if (words == 0u || words > b->bytes[0] / 4u - SCAN_TABLE) return SR_CODE_OUT_OF_RANGE;
    if (first % SCAN_LINE != 0 || front > image[4] || first < image[4]) return SR_CODE_BAD_ARGUMENT;
    s->table = image + SCAN_TABLE;
    s->start = image[3];
    s->limit = image[2];
    s->last = words - 1u;
    s->overlap = image[4];
    s->text = (team->width > 1u ? b->at[3] : b->at[1]) + first;
    s->length = length;
    s->front = front;
    s->found = (__global uint*)b->at[2] + (ulong)out * 2u;
    return SR_CODE_OK;
}

/* Copies [from, to) of the text, whole lines, with many loads under way at once. */
#define SCAN_LOADS 16u
static inline void scan_copy(const sr_buffers* b, ulong from, ulong to, const sr_team* team) {
    const __global ulong* const source = (const __global ulong*)(b->at[1] + from);
    __global ulong* const target = (__global ulong*)(b->at[3] + from);
    const uint words = (uint)((to - from) / 8u);
    for (uint at = team->lane; at < words; at += SCAN_LOADS * team->width) {
        ulong word[SCAN_LOADS];
        for (uint i = 0; i < SCAN_LOADS; ++i)
            if (at + i * team->width < words) word[i] = source[at + i * team->width];
        for (uint i = 0; i < SCAN_LOADS; ++i)
            if (at + i * team->width < words) target[at + i * team->width] = word[i];
    }
}

/* All that the lanes share is brought near. A barrier follows. */
static inline void scan_begin(sr_args a, const sr_buffers* b, const sr_team* team) {
    __local uint* const local_words = scan_local(team);
    const __global uint* const columns = (const __global uint*)b->at[0] + 16;
    if (team->lane == 0) local_words[SCAN_HITS] = 0;
    for (uint i = team->lane; i < 64u; i += team->width) local_words[SCAN_COLUMNS + i] = columns[i];
    if (team->width == 1u) return;
    const ulong end = (ulong)a.word[0] + a.word[1];
    scan_copy(b, (a.word[0] - a.word[2]) / SCAN_LINE * SCAN_LINE, (end + SCAN_LINE - 1u) / SCAN_LINE * SCAN_LINE,
              team);
}

/* How long a stream is, when there are at most `streams`. Not much shorter than the bytes ahead of it, which are
 * walked for it as well. */
static inline uint scan_stream_length(const scan_segment* s, uint streams) {
    const uint even = s->length / streams + (s->length % streams != 0 ? 1u : 0u);
    const ulong least = s->overlap / 2u > even ? s->overlap / 2u : even;
    const ulong whole = (least + SCAN_LINE - 1u) / SCAN_LINE * SCAN_LINE;
    return whole < s->length ? (uint)whole : s->length != 0 ? s->length : 1u;
}

static inline void scan_note(const scan_segment* s, __local uint* hits, uint position, uint state) {
    __global uint* const pair = s->found + 2u + 2u * (ulong)sr_add_local(hits, 1u);
    pair[0] = position;
    pair[1] = state;
}

/* A lane's streams, named one by one: some compilers keep an array in memory. Of each its state, its text, the word
 * that is walked, and the next one, which is on its way meanwhile. */
#define SCAN_TWO(DO) DO(0, s0, t0, w0, n0) DO(1, s1, t1, w1, n1)
#if SCAN_STREAMS == 2u
#define SCAN_EACH(DO) SCAN_TWO(DO)
#else
#define SCAN_EACH(DO) SCAN_TWO(DO) DO(2, s2, t2, w2, n2) DO(3, s3, t3, w3, n3)
#endif
#define SCAN_OPEN(k, s_k, t_k, w_k, n_k)            \
    const __global uchar* const t_k = text + at[k]; \
    uint s_k = state[k], n_k = count != 0 ? *(const __global uint*)t_k : 0;
#define SCAN_FETCH(k, s_k, t_k, w_k, n_k) \
    uint w_k = scan_word(column, n_k);    \
    if (i + 4u < count) n_k = *(const __global uint*)(t_k + i + 4u);
#define SCAN_STEP(k, s_k, t_k, w_k, n_k)                       \
    s_k = scan_step(s, s_k, scan_column(column, w_k & 0xFFu)); \
    w_k >>= 8;
#define SCAN_ACCEPTS(k, s_k, t_k, w_k, n_k) | (s_k < s->limit)
#define SCAN_NOTE(k, s_k, t_k, w_k, n_k) \
    if (s_k < s->limit) scan_note(s, hits, at[k] + i + j, s_k);
#define SCAN_NOTE_MATCHES            \
    if (0 SCAN_EACH(SCAN_ACCEPTS)) { \
        SCAN_EACH(SCAN_NOTE)         \
    }
#define SCAN_SKIP(k, s_k, t_k, w_k, n_k) \
    if (i + j < skip[k]) s_k = s->start;
#define SCAN_CLOSE(k, s_k, t_k, w_k, n_k) state[k] = s_k;

/* Walks `count` bytes of each stream, a byte of each in turns, with what comes behind each of these steps: byte i + j
 * of each. */
#define SCAN_WALK(BEHIND_STEP)               \
    SCAN_EACH(SCAN_OPEN)                     \
    for (uint i = 0; i < count; i += 4u) {   \
        SCAN_EACH(SCAN_FETCH)                \
        for (uint j = 0; j < 4u; ++j) {      \
            SCAN_EACH(SCAN_STEP) BEHIND_STEP \
        }                                    \
    }                                        \
    SCAN_EACH(SCAN_CLOSE)

/* `count` bytes, a multiple of 4, of each stream, which begin at text + at[k]. */
static inline void scan_streams(const scan_segment* s, const __local uchar* column, const __global uchar* text,
                                const uint* at, uint count, uint* state, __local uint* hits) {
    SCAN_WALK(SCAN_NOTE_MATCHES)
}

/* The same of the bytes ahead of each stream: no match there is its own. The first skip[k] are before the segment's
 * own text, and the automaton begins behind them. */
static inline void scan_ahead_of(const scan_segment* s, const __local uchar* column, const __global uchar* text,
                                 const uint* at, uint count, uint* state, const uint* skip) {
    SCAN_WALK(SCAN_EACH(SCAN_SKIP))
}

/* This lane's streams. A barrier follows. */
static inline void scan_walk(const scan_segment* s, const sr_team* team) {
    __local uint* const hits = scan_local(team) + SCAN_HITS;
    const __local uchar* const column = (const __local uchar*)(scan_local(team) + SCAN_COLUMNS);
    const uint each = scan_stream_length(s, SCAN_STREAMS * team->width);
    const uint streams = s->length / each + (s->length % each != 0 ? 1u : 0u);
    if (team->lane * SCAN_STREAMS >= streams) return;
    const uint ahead = scan_ahead(s->overlap);
    uint at[SCAN_STREAMS], length[SCAN_STREAMS], state[SCAN_STREAMS], skip[SCAN_STREAMS];
    for (uint k = 0; k < SCAN_STREAMS; ++k) {
        const uint number = team->lane * SCAN_STREAMS + k;
        at[k] = number < streams ? number * each : 0;
        length[k] = number < streams ? (each < s->length - at[k] ? each : s->length - at[k]) : 0;
        state[k] = s->start;
        skip[k] = at[k] < ahead && s->front < ahead - at[k] ? ahead - at[k] - s->front : 0;
    }
    scan_ahead_of(s, column, s->text - ahead, at, ahead, state, skip);

    /* Side by side, then what a stream has more than the last one. */
    const uint common = length[SCAN_STREAMS - 1u] / 4u * 4u;
    scan_streams(s, column, s->text, at, common, state, hits);
    for (uint k = 0; k < SCAN_STREAMS; ++k)
        for (uint i = common; i < length[k]; ++i) {
            state[k] = scan_step(s, state[k], column[s->text[at[k] + i]]);
            if (state[k] < s->limit) scan_note(s, hits, at[k] + i, state[k]);
        }
}

/* One lane, when all have walked. */
static inline uint scan_end(const scan_segment* s, const sr_team* team) {
    const uint hits = scan_local(team)[SCAN_HITS];
    s->found[0] = hits;
    return hits;
}

static uint slipring_scan(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    scan_segment s;
    const uint code = scan_check(a, b, team, &s);
    if (code != SR_CODE_OK) return code;
    scan_begin(a, b, team);
    sr_team_barrier(team);
    scan_walk(&s, team);
    sr_team_barrier(team);
    if (team->lane == 0) *result = scan_end(&s, team);
    return SR_CODE_OK;
}
