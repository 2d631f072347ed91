/* The probe: does a running kernel see the host's stores, and the host the kernel's? word[0] is the kernel's "I run",
 * word[32] the host's answer (a cache line away), word[64] what the kernel makes of it, word[65] how many polls that
 * took. It gives up after `most` polls. */
__kernel void slipring_probe(__global uint* word, uint question, ulong most) {
    if (get_global_id(0) == 0) {
        sr_store_release(word, question);
        ulong polls = 0;
        uint seen = 0;
        while (seen == 0 && polls < most) {
            seen = sr_load_acquire(word + 32);
            ++polls;
        }
        word[65] = polls > 0xFFFFFFFFul ? 0xFFFFFFFFu : (uint)polls;
        sr_store_release(word + 64, seen == 0 ? 0xFFFFFFFFu : seen + question);
    }
}
