/* The scan: one slot is one segment of text, and a team runs it. OpenCL C 1.2; also compiled as C++, for tests under
 * sanitizers.
 *
 * Buffers: 0 the automaton, see automaton.hpp; 1 the text; 2 what was found, in pairs of words; 3 the device's own
 * memory, as large as the text: a team of several lanes copies its segment there first, in whole lines of the bus.
 * Arguments: the segment's first byte in the text, a multiple of 16, and no less than the automaton's overlap; its
 * length; how many bytes in front of it are its first file's, at most the overlap; the first pair of its part of
 * buffer 2, which has 1 + length.
 *
 * The segment is cut into streams, four a lane, which the lane walks side by side: the lookups of one stream wait for
 * each other, those of four do not. Each stream begins as far ahead as a match could reach, and notes the matches
 * that end in itself. Between two files stands a byte that occurs in no pattern: the automaton begins anew behind it.
 * Where patterns have all bytes, a segment has one file's text alone.
 *
 * Buffer 2 gets, from the segment's second pair on and in no order, where a match ends, counted from the segment's
 * first byte, and the accepting state. Then the first pair's first word gets how many there are, and so does the
 * result. */
#define SCAN_STREAMS 4u
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

/* Never outside the table, whatever it holds. */
static inline uint scan_step(const scan_segment* s, const __local uchar* column, uint state, uint byte) {
    const uint index = sr_plus(state, column[byte]);
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

/* How long a stream is, when there are at most `streams`: no shorter than the bytes ahead of it. */
static inline uint scan_stream_length(const scan_segment* s, uint streams) {
    const uint even = s->length / streams + (s->length % streams != 0 ? 1u : 0u);
    const ulong least = s->overlap > even ? s->overlap : even;
    const ulong whole = (least + SCAN_LINE - 1u) / SCAN_LINE * SCAN_LINE;
    return whole < s->length ? (uint)whole : s->length != 0 ? s->length : 1u;
}

static inline void scan_note(const scan_segment* s, __local uint* hits, uint position, uint state) {
    __global uint* const pair = s->found + 2u + 2u * (ulong)sr_add_local(hits, 1u);
    pair[0] = position;
    pair[1] = state;
}

/* Walks `count` bytes, a multiple of 4, of each of four streams, a byte of each in turns. They begin at text + at[k].
 * Matches are noted if `hits` is not null. Named one by one: some compilers keep an array in memory. */
static inline void scan_four(const scan_segment* s, const __local uchar* column, const __global uchar* text,
                             const uint* at, uint count, uint* state, __local uint* hits) {
    const __global uchar *const t0 = text + at[0], *const t1 = text + at[1];
    const __global uchar *const t2 = text + at[2], *const t3 = text + at[3];
    uint s0 = state[0], s1 = state[1], s2 = state[2], s3 = state[3];
    for (uint i = 0; i < count; i += 4u) {
        uint w0 = *(const __global uint*)(t0 + i), w1 = *(const __global uint*)(t1 + i);
        uint w2 = *(const __global uint*)(t2 + i), w3 = *(const __global uint*)(t3 + i);
        for (uint j = 0; j < 4u; ++j) {
            s0 = scan_step(s, column, s0, w0 & 0xFFu);
            s1 = scan_step(s, column, s1, w1 & 0xFFu);
            s2 = scan_step(s, column, s2, w2 & 0xFFu);
            s3 = scan_step(s, column, s3, w3 & 0xFFu);
            w0 >>= 8;
            w1 >>= 8;
            w2 >>= 8;
            w3 >>= 8;
            if (hits == 0) continue;
            if (s0 < s->limit) scan_note(s, hits, at[0] + i + j, s0);
            if (s1 < s->limit) scan_note(s, hits, at[1] + i + j, s1);
            if (s2 < s->limit) scan_note(s, hits, at[2] + i + j, s2);
            if (s3 < s->limit) scan_note(s, hits, at[3] + i + j, s3);
        }
    }
    state[0] = s0;
    state[1] = s1;
    state[2] = s2;
    state[3] = s3;
}

/* This lane's streams. A barrier follows. */
static inline void scan_walk(const scan_segment* s, const sr_team* team) {
    __local uint* const hits = scan_local(team) + SCAN_HITS;
    const __local uchar* const column = (const __local uchar*)(scan_local(team) + SCAN_COLUMNS);
    const uint each = scan_stream_length(s, SCAN_STREAMS * team->width);
    const uint streams = s->length / each + (s->length % each != 0 ? 1u : 0u);
    if (team->lane * SCAN_STREAMS >= streams) return;
    uint at[SCAN_STREAMS], length[SCAN_STREAMS], state[SCAN_STREAMS];
    for (uint k = 0; k < SCAN_STREAMS; ++k) {
        const uint number = team->lane * SCAN_STREAMS + k;
        at[k] = number < streams ? number * each : 0;
        length[k] = number < streams ? (each < s->length - at[k] ? each : s->length - at[k]) : 0;
        state[k] = s->start;
    }

    /* The bytes ahead; further ahead is as good. The first stream has those in front of the segment alone: what is
     * before them in memory is no text. */
    const uint ahead = scan_ahead(s->overlap);
    scan_four(s, column, s->text - ahead, at, ahead, state, 0);
    if (team->lane == 0) {
        state[0] = s->start;
        for (uint i = s->front; i != 0; --i) state[0] = scan_step(s, column, state[0], *(s->text - i));
    }

    /* Side by side, then what a stream has more than the last one. */
    const uint common = length[SCAN_STREAMS - 1u] / 4u * 4u;
    scan_four(s, column, s->text, at, common, state, hits);
    for (uint k = 0; k < SCAN_STREAMS; ++k)
        for (uint i = common; i < length[k]; ++i) {
            state[k] = scan_step(s, column, state[k], s->text[at[k] + i]);
            if (state[k] < s->limit) scan_note(s, hits, at[k] + i, state[k]);
        }
}

/* One lane, when all have walked. */
static inline uint scan_end(const scan_segment* s, const sr_team* team) {
    const uint hits = scan_local(team)[SCAN_HITS];
    s->found[0] = hits;
    return hits;
}

static uint slipring_scan(sr_args a, const sr_buffers* b, const sr_team* team, uint* result) {
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
