/* What a patch in mutants/ needs to be compiled: every compiler that builds a mutant is told to -include this.
 *
 * MUTANT(wrong, right) is `wrong`. It evaluates both, so neither has side effects, and tells once on stderr that its
 * place was reached, and once that it made a difference there. */
#ifdef __cplusplus
#include <unistd.h>

/* The engine is not to see whether it makes a difference: that would lead it to the bug. */
extern "C" __attribute__((used, noinline, no_sanitize("coverage"))) inline unsigned long fuzz_mutant(
    unsigned long wrong, unsigned long right) {
    static bool reached = false, triggered = false;
    static const char says_reached[] = "mutant: reached\n", says_triggered[] = "mutant: triggered\n";
    if (!reached) reached = write(STDERR_FILENO, says_reached, sizeof says_reached - 1) > 0;
    if (wrong != right && !triggered) triggered = write(STDERR_FILENO, says_triggered, sizeof says_triggered - 1) > 0;
    return wrong;
}

template <class Wrong, class Right>
Right fuzz_mutant_of(Wrong wrong, Right right) {
    return static_cast<Right>(fuzz_mutant(static_cast<unsigned long>(wrong), static_cast<unsigned long>(right)));
}
#define MUTANT(wrong, right) fuzz_mutant_of((wrong), (right))

#else /* OpenCL C, linked to C++ */
unsigned long fuzz_mutant(unsigned long wrong, unsigned long right);
#define MUTANT(wrong, right) fuzz_mutant((wrong), (right))
#endif
