// Runs a call one machine instruction at a time, and lets another party in between any two of them. The processor's
// trap flag does it: it is deterministic, needs no hook in what it runs, and sees the code as it was compiled. x86-64
// and Linux; not under a sanitizer, whose own code would be stepped through as well.
#pragma once

#include <csignal>
#include <cstddef>
#include <utility>

// Calls between(i) before instruction i of `call`, counted from 0, in a signal handler on the same thread: it must
// take no lock that `call` may hold. Returns the number of instructions.
template <class Call, class Between>
std::size_t at_every_instruction(Call&& call, Between&& between) {
    static Between* looking = nullptr;
    static std::size_t count = 0;
    count = 0;
    looking = &between;

    struct sigaction action{}, before{};
    action.sa_sigaction = [](int, siginfo_t*, void*) { (*looking)(count++); };
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, &before);
    // Below the red zone, which the compiler may be using.
    asm volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
                     : "cc", "memory");
    std::forward<Call>(call)();
    asm volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
                     : "cc", "memory");
    sigaction(SIGTRAP, &before, nullptr);
    return count;
}
