// A thread of slipring's in a user's program.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace slipring {

// The program's signals are for its own threads. Throws std::system_error if there can be no more threads.
template <class Run>
std::thread own_thread(const char* name, Run run) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct Restore {
        const sigset_t& mask;
        ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
    } const restore{before};
    std::thread thread(std::move(run));
    pthread_setname_np(thread.native_handle(), name);
    return thread;
}

}  // namespace slipring
