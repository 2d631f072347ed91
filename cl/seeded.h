/* SR_BUG(n, wrong, right) is `right`.
 *
 * In a build with -Dseeded_bug=N, the one whose number is N is `wrong`, to measure whether the fuzzers notice; see
 * fuzz/bugs.txt. Both are evaluated there, so neither has side effects. A number stands at one place alone. */
#ifndef SLIPRING_SEEDED_H
#define SLIPRING_SEEDED_H

#ifndef SR_SEEDED_BUG
#define SR_BUG(n, wrong, right) (right)
#else
#define SR_BUG(n, wrong, right) ((n) == SR_SEEDED_BUG ? sr_seeded((wrong), (right)) : (right))

/* Returns `wrong`, and notes whether that makes a difference. */
#ifdef __cplusplus
extern "C" unsigned long sr_seeded_bug(unsigned long wrong, unsigned long right);
template <class Wrong, class Right>
Right sr_seeded(Wrong wrong, Right right) {
    return static_cast<Right>(sr_seeded_bug(static_cast<unsigned long>(wrong), static_cast<unsigned long>(right)));
}
#else
unsigned long sr_seeded_bug(unsigned long wrong, unsigned long right);
#define sr_seeded sr_seeded_bug
#endif
#endif

#endif
