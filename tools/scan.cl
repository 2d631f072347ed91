/* The scan: one slot is one chunk of one file. OpenCL C 1.2; also compiled as C++, for tests under sanitizers.
 *
 * Buffers: 0 the automaton, see automaton.hpp; 1 the text; 2 what was found.
 * Arguments: the chunk's first byte in the text; its length; how many bytes in front of it are the same file's, at
 * most the automaton's overlap; the first word of its part of buffer 2, which is SCAN_LANES + length words; a lane's
 * length.
 *
 * The automaton starts afresh on the bytes in front, which bring it to the state it would have had; matches that end
 * there are the business of the chunk before. A chunk is cut into four lanes that are walked in turn: the lookups of
 * one lane wait for each other, those of four do not. The last lane also has what equal parts leave over; with lanes
 * of length 0, for chunks too short to cut, that is everything.
 *
 * Result: how many matches end in the chunk. Buffer 2 gets the accepting states entered: word i how many in lane i,
 * and the states themselves from word SCAN_LANES + (the lane's first byte, counted from the chunk's) on. */
#define SCAN_LANES 4u
#define SCAN_TABLE 80u /* the table's first word in the automaton */

typedef struct {
    const __global uint* table;
    const __global uchar* column;
    uint start;
    uint limit;  /* states below it accept */
    uint weight; /* the column that says how many patterns end in a state */
    uint last;   /* index of the table's last word */
} scan_automaton;

/* Never outside the table, whatever it holds. */
static inline uint scan_at(const scan_automaton* m, ulong index) {
    return m->table[index < m->last ? index : m->last];
}

static inline uint scan_step(const scan_automaton* m, uint state, uchar byte) {
    return scan_at(m, (ulong)state + m->column[byte]);
}

/* The state in front of `text`, from the `length` bytes before it. */
static inline uint scan_before(const scan_automaton* m, const __global uchar* text, uint length) {
    uint state = m->start;
    for (const __global uchar* at = text - length; at != text; ++at) state = scan_step(m, state, *at);
    return state;
}

/* Notes an accepting state; how many patterns end in it. */
static inline uint scan_hit(const scan_automaton* m, uint state, __global uint* found, uint* hits) {
    found[(*hits)++] = state;
    return scan_at(m, (ulong)state + m->weight);
}

static uint slipring_scan(sr_args a, const sr_buffers* b, uint* result) {
    const uint first = a.word[0], length = a.word[1], front = a.word[2], out = a.word[3];
    const uint part = a.word[4];
    if (b->count != 3u || b->bytes[0] / 4u <= SCAN_TABLE) return SR_CODE_BAD_ARGUMENT;
    if (first > b->bytes[1] || length > b->bytes[1] - first || front > first) return SR_CODE_OUT_OF_RANGE;
    if ((ulong)out + SCAN_LANES + length > b->bytes[2] / 4u) return SR_CODE_OUT_OF_RANGE;

    const __global uint* const image = (const __global uint*)b->at[0];
    const uint words = image[0], overlap = image[4];
    if (words == 0u || words > b->bytes[0] / 4u - SCAN_TABLE) return SR_CODE_OUT_OF_RANGE;
    if (front > overlap || part > length / SCAN_LANES || (part != 0u && part < overlap)) return SR_CODE_BAD_ARGUMENT;
    const scan_automaton m = {image + SCAN_TABLE, (const __global uchar*)(image + 16), image[3], image[2], image[1],
                              words - 1u};

    const __global uchar *const t0 = b->at[1] + first, *const t1 = t0 + part, *const t2 = t1 + part;
    const __global uchar* const t3 = t2 + part;
    __global uint* const found = (__global uint*)b->at[2] + out;
    __global uint *const f0 = found + SCAN_LANES, *const f1 = f0 + part, *const f2 = f1 + part, *const f3 = f2 + part;
    uint h0 = 0, h1 = 0, h2 = 0, h3 = 0, matches = 0;

    uint s3 = scan_before(&m, t3, part != 0u ? overlap : front);
    if (part != 0u) {
        uint s0 = scan_before(&m, t0, front);
        uint s1 = scan_before(&m, t1, overlap);
        uint s2 = scan_before(&m, t2, overlap);
        for (uint i = 0; i < part; ++i) {
            s0 = scan_step(&m, s0, t0[i]);
            s1 = scan_step(&m, s1, t1[i]);
            s2 = scan_step(&m, s2, t2[i]);
            s3 = scan_step(&m, s3, t3[i]);
            if (s0 < m.limit) matches = sr_plus(matches, scan_hit(&m, s0, f0, &h0));
            if (s1 < m.limit) matches = sr_plus(matches, scan_hit(&m, s1, f1, &h1));
            if (s2 < m.limit) matches = sr_plus(matches, scan_hit(&m, s2, f2, &h2));
            if (s3 < m.limit) matches = sr_plus(matches, scan_hit(&m, s3, f3, &h3));
        }
    }
    for (uint i = part; i < length - 3u * part; ++i) {
        s3 = scan_step(&m, s3, t3[i]);
        if (s3 < m.limit) matches = sr_plus(matches, scan_hit(&m, s3, f3, &h3));
    }
    found[0] = h0;
    found[1] = h1;
    found[2] = h2;
    found[3] = h3;
    *result = matches;
    return SR_CODE_OK;
}
