/* The kernels. SR_BUFFER_PARAMETERS and SR_BUFFERS, which the host writes, are the custom operations' buffers. */

/* The persistent kernel: one work-item polls and works, so the host keeps a core (or, on a GPU, its bus). */
__kernel void slipring_run(__global uchar* ring, uint mask, uint shift, __global uint* control, uint control_words,
                           const __global uint* table, uint table_states, __global uint* log, uint log_mask,
                           uint launch, ulong idle_polls, ulong most SR_BUFFER_PARAMETERS) {
    if (get_global_id(0) == 0) {
        SR_BUFFERS
        const sr_memory memory = {control, control_words, table, table_states, log, log_mask, buffers};
        const sr_ring own = {ring, mask, shift};
        const sr_bounds bounds = {launch, idle_polls, most};
        sr_drain(&own, &memory, &bounds);
    }
}

/* One slot in a launch of its own: the words come as an argument, the outcome goes back in four words. */
__kernel void slipring_once(const __global uint* slot, __global uint* outcome, __global uint* control,
                            uint control_words, const __global uint* table, uint table_states, __global uint* log,
                            uint log_mask SR_BUFFER_PARAMETERS) {
    if (get_global_id(0) == 0) {
        SR_BUFFERS
        const sr_memory memory = {control, control_words, table, table_states, log, log_mask, buffers};
        uint copy[SR_SLOT_WORDS + SR_WINDOW_PREFIX];
        sr_copy_slot(copy, slot);
        copy[SR_SLOT_WORDS] = 0;
        copy[SR_SLOT_WORDS + 1u] = 0;
        const sr_outcome out = sr_run_slot(copy, 0, &memory);
        outcome[0] = out.code;
        outcome[1] = out.inner;
        outcome[2] = out.value;
    }
}
