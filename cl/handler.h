/* What stands between slipring and the handlers of custom operations. */
#ifndef SLIPRING_HANDLER_H
#define SLIPRING_HANDLER_H

/* The codes that a handler may return: OK, BAD_ARGUMENT, OUT_OF_RANGE and its own. Others are slipring's to say, of slots
 * that no handler ran. */
static inline uint sr_handler_code(uint code) {
    const int own = code >= SR_CODE_FIRST_CUSTOM && code <= 0xFFu;
    return code == SR_CODE_OK || code == SR_CODE_OUT_OF_RANGE || own ? code : SR_CODE_BAD_ARGUMENT;
}

#endif
