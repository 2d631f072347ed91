// Ctrl-C: the first ends what is under way in good order, a second ends the process at once.
#pragma once

void catch_interrupt();
bool interrupted() noexcept;  // any thread
