// The debug log: PRINTF slots among others say what the device did, and in which order.
#include <cstdio>
#include <slipring/runtime.hpp>

int main() {
    using namespace slipring;
    // Four records: the fifth PRINTF finds the log full, and is counted. One lane runs the slots in order.
    auto runtime = Runtime::open({.shape = {1, 1}, .log_records = 4});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    const auto before = runtime->add_format("before the store: {} and {x}");
    const auto after = runtime->add_format("after it: {}");
    if (!before || !after) return std::fputs("no memory for the formats\n", stderr), 1;

    const auto unknown = print(99, 1, 2);  // there is no format 99: its record has the numbers alone
    const Slot slots[] = {print(*before, 255, 255), store_u32(7, first_user_word),
                          print(*after, 7, 0),      unknown,
                          print(*after, 8, 0),      print(*after, 9, 0)};
    const auto ticket = runtime->publish(slots);
    if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;

    const auto log = runtime->read_log();
    if (!log) return std::fprintf(stderr, "%s\n", message(log.error()).data()), 1;
    for (const LogRecord& record : log->records)
        std::printf("position %u: %s\n", record.position, record.text.c_str());
    std::printf("%u dropped\n", log->dropped);
    return log->records.size() == 4 && log->dropped == 1 ? 0 : 1;
}
