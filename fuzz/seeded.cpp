// A seeded bug's own report: reached when its place runs, triggered when it makes a difference there.
#include <unistd.h>

#include <string_view>

#ifdef SR_SEEDED_BUG
namespace {

void say_once(bool& said, std::string_view text) {
    if (said) return;
    said = true;
    (void)!::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

extern "C" unsigned long sr_seeded_bug(unsigned long wrong, unsigned long right) {
    static bool reached = false, triggered = false;
    say_once(reached, "seeded bug: reached\n");
    if (wrong != right) say_once(triggered, "seeded bug: triggered\n");
    return wrong;
}
#endif
