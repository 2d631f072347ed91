/* The ring: slots, completion entries, RESERVED, COMPLETED. Edges R, A and E of include/slipring/ring.hpp.
 *
 * Two producers, one device that never leaves, one reader. Positions count from 0, and position p lives in slot
 * p mod CAPACITY. What p's producer writes, and what the device answers, is PAYLOAD(p), so that every word says whose
 * it is. A slot and an entry are two words each: the state, and all the others as one.
 *
 * Each statement is one access to shared memory, and takes effect at once. A weaker order of two accesses is written
 * as what it allows: the other order (R, A), or a look that finds less (E: see `known`). An edge that holds is two
 * statements in program order. -DBREAK_X breaks edge X. -DWINDOW: the device reads copies of the slots in a window,
 * each of which is one store. run.py has the list.
 */
#define CAPACITY 2
#define TOTAL 5                            /* positions that are published */
#define SLOT(p) ((p) % CAPACITY)
#define PAYLOAD(p) ((p) + 1)               /* 0 is what the memory held before */
#define OWN(p) ((p) / CAPACITY + 1)        /* the state word that carries p's generation: PUBLISHED, or DONE */

/* The host's words. */
byte reserved, reclaimed;
byte slot_state[CAPACITY], slot_words[CAPACITY];
/* The device's words. */
byte completed;
byte entry_state[CAPACITY], entry_words[CAPACITY];
/* No memory, only for the properties. */
byte runs[TOTAL + 1], finished;
bool followed[TOTAL + 1];                  /* the position is a batch's, and not its last */

#ifdef WINDOW
byte copy_state[CAPACITY], copy_words[CAPACITY];
#define SEEN_STATE(p) copy_state[SLOT(p)]
#define SEEN_WORDS(p) copy_words[SLOT(p)]
/* Of what lies in shared memory, whosever that is. */
inline copy_out(p) { d_step { copy_words[SLOT(p)] = slot_words[SLOT(p)]; copy_state[SLOT(p)] = slot_state[SLOT(p)] } }
#else
#define SEEN_STATE(p) slot_state[SLOT(p)]
#define SEEN_WORDS(p) slot_words[SLOT(p)]
inline copy_out(p) { skip }
#endif
#define IS_PUBLISHED(p) (SEEN_STATE(p) == OWN(p))

/* ---- producers ------------------------------------------------------------------------------------------------ */

/* Unsigned: a `first` that is older than `before` makes a huge number, which looks full. */
#define LOOKS_FULL(before) (first + n < (before) || first + n - (before) > CAPACITY)
#ifdef BREAK_ROOM                          /* there is room for the first slot, so for all */
#define IS_FULL(now) (first + 1 < (now) || first + 1 - (now) > CAPACITY)
#else
#define IS_FULL(now) LOOKS_FULL(now)
#endif

/* reserve_positions: `n` positions from `first`. A full ring is waited for. */
inline reserve(count) {
    n = count;
    first = reserved;
    do
    :: before = reclaimed;                 /* A1, through another producer's store of RECLAIMED */
       if
       :: LOOKS_FULL(before) ->
          before = completed;              /* A1 */
          reclaimed = before;
       :: else
       fi;
       if
       :: IS_FULL(before) -> (reserved != first || completed != before); first = reserved
       :: else ->
#ifdef BREAK_RESERVE                       /* two accesses instead of a compare-and-swap */
          if
          :: reserved == first -> reserved = first + n; break
          :: else -> first = reserved
          fi
#else
          if
          :: atomic { reserved == first -> reserved = first + n; break }
          :: atomic { reserved != first -> first = reserved }
          fi
#endif
#ifdef BREAK_RECLAIM                       /* what was room for the old `first` is taken for room for the new one */
          if
          :: atomic { reserved == first -> reserved = first + n; break }
          :: atomic { reserved != first -> first = reserved }
          fi
#endif
       fi
    od
}

inline write(p) { slot_words[SLOT(p)] = PAYLOAD(p) }
inline hand_over(p) { slot_state[SLOT(p)] = OWN(p) }

inline publish_one() {
    reserve(1);
#ifdef BREAK_R1                            /* the state is stored before the words */
    hand_over(first);
    write(first)
#else
    write(first);
#ifdef BREAK_W_FIRST                       /* the copy is made, with the state, before the state is stored */
    d_step { copy_words[SLOT(first)] = slot_words[SLOT(first)]; copy_state[SLOT(first)] = OWN(first) };
    hand_over(first)
#else
    hand_over(first);                      /* R1 */
    copy_out(first)                        /* or here, with a window */
#endif
#endif
}

inline publish_two() {
    reserve(2);
    followed[first] = true;
#ifdef BREAK_R_BATCH                       /* the first slot's state is not the last that is stored */
    write(first);
    hand_over(first);
    write(first + 1);
    hand_over(first + 1)
#else
    write(first);
    write(first + 1);
    hand_over(first + 1);
#ifndef BREAK_W_BATCH                      /* the first slot is not the last that is copied */
    copy_out(first + 1);
#endif
    hand_over(first);                      /* R1, for both */
    copy_out(first);
#ifdef BREAK_W_BATCH
    copy_out(first + 1)
#endif
#endif
}

active proctype producer_of_a_batch() {
    byte first, before, n;
    publish_one();
    publish_two()
}

active proctype producer() {
    byte first, before, n;
    publish_one();
    publish_one()
}

/* ---- the device ----------------------------------------------------------------------------------------------- */

/* Runs what was copied, and writes the answer. */
inline finish(i) {
    assert(copy[i] == PAYLOAD(head + i));  /* R: whole words, and of this generation */
    runs[head + i]++;
    assert(runs[head + i] == 1);
#ifdef BREAK_A_ENTRY                       /* the entry's state is stored before its other words */
    entry_state[SLOT(head + i)] = OWN(head + i);
    entry_words[SLOT(head + i)] = copy[i];
#else
    entry_words[SLOT(head + i)] = copy[i]; /* E1 */
    entry_state[SLOT(head + i)] = OWN(head + i); /* A2 */
#endif
    finished++
}

inline move_completed(to) {
    completed = to;                        /* A2 */
    assert(finished >= to)
}

/* Takes one slot, or two, and finishes these in either order, as a wide kernel does. */
active proctype device() {
    byte head, taken, copy[2];
    do
    :: head == TOTAL -> break
    :: else ->
#ifdef BREAK_R2                            /* the words are read before the state */
       copy[0] = SEEN_WORDS(head);
#endif
       if
       :: IS_PUBLISHED(head)
       :: else ->
#ifndef BREAK_COMPLETED_IDLE               /* COMPLETED stays behind when there is nothing to do */
          move_completed(head);
#endif
          IS_PUBLISHED(head)
       fi;
       atomic {                            /* R2 */
           assert(!followed[head] || IS_PUBLISHED(head + 1)); /* a batch is seen whole */
           if
           :: taken = 1
           :: head + 1 < TOTAL && IS_PUBLISHED(head + 1) -> taken = 2
           fi
       }
#ifdef BREAK_A                             /* COMPLETED moves before the slots are read */
       completed = head + taken;
#endif
#ifndef BREAK_R2
       copy[0] = SEEN_WORDS(head);
#endif
       if
       :: taken == 1 -> finish(0)
       :: else ->
          copy[1] = SEEN_WORDS(head + 1);
          if
          :: finish(0);
#ifdef BREAK_COMPLETED                     /* COMPLETED passes a slot that is not finished */
             move_completed(head + 2);
#endif
             finish(1)
          :: finish(1); finish(0)
          fi
       fi;
       head = head + taken;
       if
       :: move_completed(head)
       :: skip                             /* at times */
       fi
    od;
    move_completed(head)
}

/* ---- a reader ------------------------------------------------------------------------------------------------- */

/* The reader loads RESERVED at its oldest: `known` is the least that it must see by what it acquired before. A word
 * of position p is written after p was reserved (R, E1), so a reader that acquires it sees that RESERVED: E. */
#define ACQUIRE(least) known = (known > (least) -> known : (least))

/* Runtime::wait and result, for any position, with or without a wait before. */
active proctype reader() {
    byte position, known, state, words;
    bool is_complete, is_own;
    select(position : 0 .. TOTAL - 1);
    if
    :: entry_state[SLOT(position)] == OWN(position) || completed > position
    :: skip
    fi;
    d_step { is_complete = completed > position; ACQUIRE(completed) } /* A1 */
    d_step {                               /* A1 */
        state = entry_state[SLOT(position)];
        is_own = state == OWN(position);
        if
        :: state != 0 -> ACQUIRE((state - 1) * CAPACITY + SLOT(position) + 1)
        :: else
        fi
    }
#ifdef BREAK_E_EARLY                       /* the reader looks at RESERVED before it reads the words */
    byte early = known;
#endif
    d_step {
        words = entry_words[SLOT(position)];
#ifndef BREAK_E1                           /* the words are stored or loaded relaxed: they prove nothing */
        ACQUIRE(words)                     /* E2 */
#endif
    }
#ifdef BREAK_E_EARLY
    known = early;
#endif
#ifndef BREAK_E                            /* the reader does not look at RESERVED */
    if
    :: known > position + CAPACITY -> goto expired
    :: else
    fi;
#endif
    assert(!is_own || words == PAYLOAD(position));
    assert(is_own || !is_complete);        /* COMPLETED says so: then there is an answer, or it has expired */
expired:
}
