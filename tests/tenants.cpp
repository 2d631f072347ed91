// Tenants of a runtime: what each may do, on the host and on the device, and that none touches another.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr std::uint32_t one = 7, other = 9;  // the tenants' ids
constexpr std::uint32_t own_words = 16;      // of each, from here on:
constexpr std::uint32_t words_of_one = 200, words_of_other = 300;

const CustomOp names_tenant{.opcode = 0x180,
                            .name = "names_tenant",
                            .source =
                                "uint names_tenant(sr_args a, const sr_buffers* b, ulong* result) {\n"
                                "    *result = sr_tenant(b);\n    return SR_CODE_OK;\n}\n"};
const CustomOp touches{.opcode = 0x181,
                       .name = "touches",
                       .source =
                           "uint touches(sr_args a, const sr_buffers* b, ulong* result) {\n"
                           "    if (b->bytes[0] < 4) return SR_CODE_OUT_OF_RANGE;\n"
                           "    *(__global uint*)b->at[0] += 1;\n    return SR_CODE_OK;\n}\n",
                       .buffers = {"pages"}};

Tenant tenant(std::uint32_t id, std::uint32_t words) {
    Tenant made{.id = id};
    made.label = id == one ? "one" : "other";
    made.quota = 64;
    made.reads = made.writes = {.first = words, .count = own_words};
    made.opcodes = {Op::nop,          Op::store_u32, Op::atomic_add,         Op::load_u32,          Op::compare_swap,
                    Op::memcpy_words, Op::dfa_step,  custom_opcode<0x180>(), custom_opcode<0x181>()};
    return made;
}

Options with_tenants(Options options = {}) {
    options.ops.push_back(names_tenant);
    options.ops.push_back(touches);
    options.buffers.push_back({.name = "pages", .bytes = 64});
    options.tenants = {tenant(one, words_of_one), tenant(other, words_of_other)};
    options.tenants[0].buffers = {"pages"};
    return options;
}

Slot of(const Slot& slot, std::uint32_t id = one) { return slot.for_tenant(id); }

// Past the host's checks, as a hostile writer would: the device decides.
Result run_unchecked(Runtime& runtime, const Slot& slot, std::uint32_t ring = one) {
    const auto position = runtime.ring_of(ring)->publish(slot);
    BOOST_REQUIRE(position.has_value());
    runtime.wake();
    const Ticket ticket{.first = *position, .count = 1, .tenant = ring};
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    return *runtime.result(ticket);
}

// A hostile writer's store: it races with all that reads the slot, and no sanitizer is to report that.
#if defined(__clang__)
[[clang::disable_sanitizer_instrumentation]]
#else
[[gnu::no_sanitize("thread")]]
#endif
void scribble(std::uint32_t* word, std::uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

// The host and the device say the same of a slot.
bool is_denied(Runtime& runtime, const Slot& slot) {
    const auto published = runtime.publish(slot);
    const bool by_host = !published && published.error() == Errc::denied;
    const Result result = run_unchecked(runtime, slot);
    const bool by_device = result.state == State::fault && result.code == Code::denied;
    BOOST_TEST(by_host == by_device);
    if (published) BOOST_REQUIRE(runtime.wait(*published, 1min).has_value());
    return by_device;
}

}  // namespace

BOOST_DATA_TEST_CASE(a_tenant_does_what_it_may, data::make(modes), mode) {
    Runtime runtime = open(mode, with_tenants());
    const std::uint32_t table[256] = {};
    BOOST_REQUIRE(runtime.load_dfa(table).has_value());
    const auto ticket = runtime.publish(of(store_u32(5, words_of_one)));
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(ticket->tenant == one);
    BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
    BOOST_TEST(runtime.result(*ticket)->value == 5u);
    BOOST_TEST(control(runtime, words_of_one) == 5u);
    BOOST_TEST(run(runtime, of(atomic_add(2, words_of_one + own_words - 1))).ok());
    BOOST_TEST(run(runtime, of(load_u32(words_of_one, words_of_one + 1 - first_user_word))).value == 5u);
    BOOST_TEST(run(runtime, of(compare_swap(words_of_one, 5, 6))).value == 5u);
    BOOST_TEST(run(runtime, of(memcpy_words(words_of_one, words_of_one + 8, 8))).value == 8u);
    BOOST_TEST(run(runtime, of(dfa_step(0, 1, words_of_one - first_user_word))).ok());
    BOOST_TEST(run(runtime, of(nop())).ok());
    BOOST_TEST(run(runtime, of(slot(custom_opcode<0x180>()))).value == one);
    BOOST_TEST(run(runtime, of(slot(custom_opcode<0x180>()), other)).value == other);
    BOOST_TEST(run(runtime, slot(custom_opcode<0x180>())).value == 0u);
    BOOST_TEST(run(runtime, of(slot(custom_opcode<0x181>()))).ok());
    const auto both = packed({inner(store_u32(1, words_of_one)), inner(atomic_add(2, words_of_one))});
    BOOST_TEST(run(runtime, of(*both)).ok());
    const std::uint32_t entries[] = {1, words_of_one + 2, 2, words_of_one + 3};
    const Window window{.opcode = Op::store_u32, .tenant = one, .required = Payloads(entries, 2)};
    BOOST_TEST(run(runtime, window, 1).value == 2u);
    const Slot batch[] = {of(atomic_add(1, words_of_one)), of(atomic_add(1, words_of_one))};
    BOOST_TEST(run(runtime, std::span(batch), 1).value == 4u);
    BOOST_TEST(run(runtime, store_u32(8, words_of_other)).ok());  // the program may do everything
    BOOST_TEST(runtime.launch(of(store_u32(3, words_of_one)))->value == 3u);
}

BOOST_DATA_TEST_CASE(a_tenant_does_nothing_else, data::make(modes), mode) {
    Runtime runtime = open(mode, with_tenants());
    const std::uint32_t last = words_of_one + own_words - 1;
    for (const std::uint32_t word : {words_of_one - 1, last + 1, words_of_other, 0u, 32u, first_user_word, ~0u}) {
        BOOST_TEST(is_denied(runtime, of(store_u32(1, word))));
        BOOST_TEST(is_denied(runtime, of(atomic_add(1, word))));
        BOOST_TEST(is_denied(runtime, of(compare_swap(word, 0, 1))));
        BOOST_TEST(is_denied(runtime, of(load_u32(word, words_of_one - first_user_word))));
        BOOST_TEST(is_denied(runtime, of(load_u32(words_of_one, word - first_user_word))));
        BOOST_TEST(is_denied(runtime, of(dfa_step(0, 0, word - first_user_word))));
        BOOST_TEST(is_denied(runtime, of(memcpy_words(word, words_of_one, 1))));
        BOOST_TEST(is_denied(runtime, of(memcpy_words(words_of_one, word, 1))));
    }
    BOOST_TEST(is_denied(runtime, of(memcpy_words(words_of_one, words_of_one + 9, 8))));
    BOOST_TEST(is_denied(runtime, of(memcpy_words(words_of_one + 9, words_of_one, 8))));
    BOOST_TEST(is_denied(runtime, of(memcpy_words(words_of_one, words_of_one, ~0u))));
    BOOST_TEST(is_denied(runtime, of(batch_fence(1, 2))));
    BOOST_TEST(is_denied(runtime, of(print(0, 1, 2))));
    BOOST_TEST(is_denied(runtime, of(slipring::shutdown())));
    BOOST_TEST(is_denied(runtime, of(slot(custom_opcode<0x999>()))));
    const auto inside = packed({inner(store_u32(1, words_of_one)), inner(store_u32(1, words_of_other))});
    BOOST_TEST(is_denied(runtime, of(*inside)));
    BOOST_TEST(run_unchecked(runtime, of(*inside)).inner == 1u);
    // The other tenant lacks the buffer that the operation works on.
    BOOST_TEST((runtime.publish(of(slot(custom_opcode<0x181>()), other)).error() == Errc::denied));
    BOOST_TEST((run_unchecked(runtime, of(slot(custom_opcode<0x181>()), other), other).code == Code::denied));
    // Another's name, no one's name, in a tenant's ring and in the program's.
    for (const std::uint32_t id : {other, 0u, 5u, ~0u})
        BOOST_TEST((run_unchecked(runtime, of(nop(), id)).code == Code::denied));
    const auto position = runtime.ring().publish(of(nop(), one));
    runtime.wake();
    const Ticket ticket{.first = *position, .count = 1};
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    BOOST_TEST((runtime.result(ticket)->code == Code::denied));

    BOOST_TEST((runtime.launch(of(store_u32(1, words_of_other))).error() == Errc::denied));
    BOOST_TEST((runtime.launch(of(nop(), 5)).error() == Errc::unknown_tenant));
    BOOST_TEST((runtime.publish(of(nop(), 5)).error() == Errc::unknown_tenant));
    BOOST_TEST((runtime.publish(of(nop()), Quiet::no, Priority::high).error() == Errc::level_not_open));
    const std::array mixtures{std::array{of(nop()), of(nop(), other)}, std::array{of(nop()), nop()},
                              std::array{nop(), of(nop())}};
    for (const auto& mixed : mixtures) BOOST_TEST((runtime.publish(std::span(mixed)).error() == Errc::mixed_tenants));
    const std::uint32_t entries[] = {1, words_of_one, 1, words_of_other};
    const Window window{.opcode = Op::store_u32, .tenant = one, .required = Payloads(entries, 2)};
    BOOST_TEST((runtime.publish(window).error() == Errc::denied));
    BOOST_TEST(control(runtime, words_of_other) == 0u);
    for (std::uint32_t word = 160; word < 400; ++word)
        if (word - words_of_one >= own_words) BOOST_TEST(control(runtime, word) == 0u);
}

BOOST_DATA_TEST_CASE(a_quota_is_full_alone_and_at_once, data::make(modes), mode) {
    Options options = with_tenants({.ops = {stalling}, .buffers = {release_word}});
    options.tenants[0].opcodes.push_back(stall);
    options.tenants[0].buffers.push_back("release");
    options.hang_timeout = 10min;
    Runtime runtime = open(mode, options);
    const bool persistent = mode == ExecutionMode::persistent;
    if (!persistent) return;  // nothing holds a launch's slots up without holding up the launch
    std::uint32_t taken = 0;
    for (Slot next = of(slot(stall, {UINT32_MAX / 8})); runtime.publish(next); next = of(nop())) ++taken;
    BOOST_TEST(taken == 64u);
    BOOST_TEST((runtime.publish(of(nop())).error() == Errc::quota_full));
    BOOST_TEST((runtime.wait_for_room(1, 0s, Priority::normal, one).error() == Errc::timed_out));
    BOOST_TEST((runtime.wait_for_room(1, 0s, Priority::normal, 5).error() == Errc::unknown_tenant));
    BOOST_TEST(runtime.wait_for_room(64, 0s, Priority::normal, other).has_value());
    const auto last = runtime.publish(of(atomic_add(1, words_of_other), other));
    BOOST_TEST(last.has_value());
    word(runtime.buffer("release")).store(1);
    BOOST_TEST(runtime.wait(*last, 1min).has_value());
    BOOST_TEST(runtime.wait_for_room(64, 1min, Priority::normal, one).has_value());
    BOOST_TEST(runtime.publish(of(nop())).has_value());
}

BOOST_AUTO_TEST_CASE(each_tenant_has_ticket_numbers_of_its_own) {
    Runtime runtime = open(ExecutionMode::persistent, with_tenants());
    std::vector<Ring::Reservation> held;  // nothing of either runs
    for (const std::uint32_t id : {one, other}) held.push_back(std::move(*runtime.ring_of(id)->reserve(1)));
    const auto publish = [&](std::uint32_t id) {
        return runtime.publish(Window{.ticket = 5, .tenant = id, .required = Payloads(std::span(&own_words, 1), 1)});
    };
    for (const std::uint32_t id : {one, other, 0u}) {
        BOOST_TEST(!runtime.is_in_flight(5, id));
        BOOST_TEST(publish(id).has_value());
    }
    for (const std::uint32_t id : {one, other}) BOOST_TEST((publish(id).error() == Errc::ticket_in_flight));
    BOOST_TEST((publish(11).error() == Errc::unknown_tenant));
    BOOST_TEST(!runtime.is_in_flight(5, 11));
}

BOOST_AUTO_TEST_CASE(open_refuses_tenants_that_cannot_be) {
    const auto refused = [](const auto& change) {
        Options options = with_tenants();
        change(options);
        const auto opened = Runtime::open(std::move(options));
        return opened ? Errc{} : opened.error().code;
    };
    const auto bad = [&](const auto& change) {
        return refused([&](Options& options) { change(options.tenants[1]); }) == Errc::bad_tenant;
    };
    BOOST_TEST(bad([](Tenant& it) { it.id = 0; }));
    BOOST_TEST(bad([](Tenant& it) { it.id = one; }));
    BOOST_TEST(bad([](Tenant& it) { it.level = Priority{5}; }));
    BOOST_TEST(bad([](Tenant& it) { it.quota = 63; }));
    BOOST_TEST(bad([](Tenant& it) { it.quota = 1; }));
    BOOST_TEST(bad([](Tenant& it) { it.weight = 0; }));
    BOOST_TEST(bad([](Tenant& it) { it.weight = 5; }));  // of 64
    BOOST_TEST(bad([](Tenant& it) { it.writes = {159, 1}; }));
    BOOST_TEST(bad([](Tenant& it) { it.reads = {0, 1}; }));
    BOOST_TEST(bad([](Tenant& it) { it.reads = {4095, 2}; }));
    BOOST_TEST(bad([](Tenant& it) { it.writes = {~0u, 2}; }));
    BOOST_TEST(bad([](Tenant& it) { it.opcodes = {Op::batch_fence}; }));
    BOOST_TEST(bad([](Tenant& it) { it.opcodes = {Op::shutdown}; }));
    BOOST_TEST(bad([](Tenant& it) { it.opcodes = {custom_opcode<0x999>()}; }));
    BOOST_TEST((refused([](Options& it) { it.tenants[0].buffers = {"none"}; }) == Errc::unknown_buffer));
    BOOST_TEST((refused([](Options& it) { it.tenants.resize(17, it.tenants[0]); }) == Errc::bad_options));
    const auto in_shape = [&](LaunchShape shape, std::size_t tenants) {
        return refused([&](Options& it) {
            it.shape = shape;
            while (it.tenants.size() < tenants)
                it.tenants.push_back(tenant(100 + static_cast<std::uint32_t>(it.tenants.size()), 400));
        });
    };
    BOOST_TEST((in_shape({2, 1}, 6) == Errc::bad_options));
    BOOST_TEST((in_shape({1, 1}, 6) == Errc{}));
    BOOST_TEST((in_shape({}, 6) == Errc{}));
    BOOST_TEST((in_shape({2, 1}, 5) == Errc{}));
}

// Two tenants and the program have slots waiting. Each result says how many ran before.
BOOST_DATA_TEST_CASE(weights_share_out_slots, data::make(modes), mode) {
    constexpr std::uint32_t each = 1u << 16, order = 400;  // of a GPU's claims many
    for (const auto& [weight, level] :
         {std::pair{1u, Priority::normal}, {2u, Priority::normal}, {3u, Priority::high}}) {
        Options options = with_tenants({.capacity = each});
        for (Tenant& tenant : options.tenants) {
            tenant.quota = each;
            tenant.level = level;
            tenant.writes = {.first = order, .count = 1};
        }
        options.tenants[0].weight = weight;
        Runtime runtime = open(mode, options);
        for (std::uint32_t i = 0; i < each; ++i)  // past publish, which would wake the kernel
            for (const std::uint32_t id : {one, other})
                BOOST_REQUIRE(runtime.ring_of(id)->publish(of(atomic_add(1, order), id)).has_value());
        std::uint32_t own = 0;
        while (level == Priority::normal && own < each && runtime.ring().publish(atomic_add(1, order))) ++own;
        runtime.wake();
        const auto among_first = [&](std::uint32_t id, std::uint32_t n) {
            const Ticket ticket{.first = 0, .count = each, .level = level, .tenant = id};
            std::vector<Result> results(each);
            BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
            BOOST_REQUIRE(runtime.results(ticket, results).has_value());
            return static_cast<double>(
                std::ranges::count_if(results, [n](const Result& result) { return result.value < n; }));
        };
        // As long as all have some left.
        const std::uint32_t n = each;
        const double shares = weight + 1 + (own != 0 ? 1 : 0);
        BOOST_TEST(among_first(one, n) == n * weight / shares, boost::test_tools::tolerance(0.1));
        BOOST_TEST(among_first(other, n) == n / shares, boost::test_tools::tolerance(0.1));
    }
}

BOOST_DATA_TEST_CASE(a_tenant_quiesces_under_load_and_is_declared_again, data::make(modes), mode) {
    Runtime runtime = open(mode, with_tenants());
    BOOST_TEST((runtime.quiesce(5).error() == Errc::unknown_tenant));
    BOOST_TEST((runtime.declare(tenant(5, 400)).error().code == Errc::unknown_tenant));
    BOOST_TEST((runtime.declare(tenant(one, 400)).error().code == Errc::tenant_in_use));
    std::atomic<bool> go_on{true};
    std::atomic<std::uint32_t> wrong{0};
    // Each adds one to the words that it may write now, and counts; the others go on all the time.
    std::atomic<std::uint32_t> added{0}, others{0};
    std::atomic<std::uint32_t> words{words_of_one};
    std::vector<std::thread> producers;
    for (int i = 0; i < 2; ++i)
        producers.emplace_back([&] {
            while (go_on) {
                const auto ticket = runtime.publish(of(atomic_add(1, words)));
                if (ticket) ++added;
                else if (ticket.error() != Errc::quota_full && ticket.error() != Errc::tenant_closed &&
                         ticket.error() != Errc::denied)
                    ++wrong;
                if (!ticket) std::this_thread::yield();
            }
        });
    producers.emplace_back([&] {
        while (go_on) {
            if (runtime.publish(of(atomic_add(1, words_of_other), other))) ++others;
            else std::this_thread::yield();
        }
    });
    for (std::uint32_t round = 0; round < 10; ++round) {
        while (added == 0) std::this_thread::yield();
        BOOST_REQUIRE(runtime.quiesce(one, 1min).has_value());
        BOOST_TEST((runtime.publish(of(nop())).error() == Errc::tenant_closed));
        const Ring& ring = *runtime.ring_of(one);
        const std::uint64_t reserved = ring.reserved();
        BOOST_TEST(ring.completed() == reserved);
        BOOST_TEST(control(runtime, words) > 0u);
        const std::uint32_t before = others;
        BOOST_TEST(eventually([&] { return others > before + 100; }));  // more than its quota: they finish
        BOOST_TEST(ring.reserved() == reserved);                        // nothing came
        Tenant again = tenant(one, words == words_of_one ? 400 : words_of_one);
        again.label = "again";
        Tenant larger = again;
        larger.quota = 128;
        BOOST_TEST((runtime.declare(larger).error().code == Errc::bad_tenant));
        larger = again;
        larger.level = Priority::low;
        BOOST_TEST((runtime.declare(larger).error().code == Errc::bad_tenant));
        added = 0;
        BOOST_REQUIRE(runtime.declare(again).has_value());
        // Its rights of before are gone, on the host and on the device.
        BOOST_TEST((runtime.publish(of(store_u32(0, words))).error() == Errc::denied));
        BOOST_TEST((run_unchecked(runtime, of(store_u32(0, words))).code == Code::denied));
        words = again.writes.first;
    }
    go_on = false;
    for (std::thread& producer : producers) producer.join();
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(runtime.diagnose()->text().find("tenant 7 (again)") != std::string::npos);
    BOOST_REQUIRE(runtime.quiesce(other, 1min).has_value());
    BOOST_TEST(control(runtime, words_of_other) == others);
}

// What had been claimed for one tenant ends as lost; the rights go on.
BOOST_DATA_TEST_CASE(tenants_go_on_after_a_lost_device, data::make(modes), mode) {
    Options options = with_tenants(lossy());
    for (Tenant& each : options.tenants) {
        each.opcodes.push_back(*Opcode::custom(stall.value()));
        each.opcodes.push_back(*Opcode::custom(tally.value()));
        each.buffers.push_back("pages");
        for (const BufferSpec& buffer : options.buffers) each.buffers.push_back(buffer.name);
    }
    Runtime runtime = open(mode, options);
    const Ticket stalled = publish_stall(runtime, of(stall_alone_on(runtime)), Priority::normal);
    std::vector<Ticket> waiting;
    for (const std::uint32_t id : {0u, one, other})
        for (int i = 0; i < 10; ++i) waiting.push_back(*runtime.publish(of(slot(tally), id)));
    is_lost(runtime, stalled);
    BOOST_TEST((runtime.publish(of(nop())).error() == Errc::device_lost));
    const auto rest = runtime.quiesce(other, 0s);  // a wide launch may have run its slots beside the one that stalls
    BOOST_TEST((rest.has_value() || rest.error() == Errc::device_lost));
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));
    BOOST_TEST((runtime.result(stalled)->code == Code::device_lost));
    std::uint64_t sum = 0;
    for (const Ticket& ticket : waiting) {
        BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
        BOOST_TEST(runtime.result(ticket)->ok());
        sum += runtime.result(ticket)->value;
    }
    BOOST_TEST(sum == 30u * 29u / 2u);  // each ran once
    BOOST_TEST((runtime.publish(of(nop(), other)).error() == Errc::tenant_closed));
    if (!rest) BOOST_TEST((runtime.declare(options.tenants[1]).error().code == Errc::tenant_in_use));
    BOOST_REQUIRE(runtime.quiesce(other, 1min).has_value());
    BOOST_TEST(runtime.declare(options.tenants[1]).has_value());
    BOOST_TEST(run(runtime, of(store_u32(2, words_of_other), other)).value == 2u);
    BOOST_TEST(is_denied(runtime, of(store_u32(2, words_of_other))));
}

// What looks published and never reaches the device is no work that it owes: with a bus window, where it reads
// copies. Elsewhere it runs what is there.
BOOST_DATA_TEST_CASE(a_slot_that_one_made_up_costs_no_device, data::make(modes), mode) {
    Options options = with_tenants();
    options.hang_timeout = 200ms;
    options.shutdown_timeout = 1min;
    Runtime runtime = open(mode, options);
    const RingInside forged = inside(*runtime.ring_of(one));
    auto reserved = runtime.ring_of(one)->reserve(1);  // nothing else is published at its position
    BOOST_REQUIRE(reserved.has_value());
    scribble(forged.slot(reserved->first()), forged.tagged(reserved->first(), SR_STATE_PUBLISHED));
    const Ticket ticket{.first = reserved->first(), .count = 1, .tenant = one};
    const auto waited = runtime.wait(ticket, 800ms);  // four times as long
    if (forged.has_window()) BOOST_TEST((!waited && waited.error() == Errc::timed_out));
    else BOOST_TEST(waited.has_value());
    BOOST_TEST(run(runtime, store_u32(1, 500)).ok());
    BOOST_TEST(run(runtime, of(store_u32(2, words_of_other), other)).ok());
    const auto begun = std::chrono::steady_clock::now();
    BOOST_TEST(runtime.shutdown().has_value());
    BOOST_TEST((std::chrono::steady_clock::now() - begun < 50s));
}

// For as long as SLIPRING_TEST_HOSTILE_SECONDS says, a second of itself: random words in the slots of one tenant that
// a producer keeps in use. The other tenant's results are what they ought to be, and so are its words.
BOOST_DATA_TEST_CASE(random_words_in_one_tenants_slots_harm_no_other, data::make(modes), mode) {
    const char* const asked = std::getenv("SLIPRING_TEST_HOSTILE_SECONDS");
    const auto time = std::chrono::seconds(asked != nullptr ? std::atoi(asked) : 1);
    Options options = with_tenants();
    options.tenants[0].buffers = {};
    options.hang_timeout = 2s;
    Runtime runtime = open(mode, options);
    const auto until = std::chrono::steady_clock::now() + time;
    std::atomic<bool> go_on{true};
    const RingInside hostile = inside(*runtime.ring_of(one));
    std::thread writer([&] {
        std::uint64_t random = 88172645463325252u;
        while (go_on) {
            for (int i = 0; i < 100; ++i) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                // Towards the end state words too, which make the tenant's ring stand still.
                const auto index = static_cast<std::uint32_t>(random >> 40) % SR_SLOT_WORDS;
                if (index == SR_WORD_STATE && std::chrono::steady_clock::now() < until - time / 4) continue;
                const std::uint32_t likely[] = {static_cast<std::uint32_t>(random), other, words_of_other, 1, one};
                scribble(hostile.slot(random % 64) + index, likely[(random >> 32) % std::size(likely)]);
            }
            static_cast<void>(runtime.publish(of(store_u32(1, words_of_one))));
            std::this_thread::yield();
        }
    });
    std::uint32_t expected = 0, wrong = 0, full = 0;
    while (std::chrono::steady_clock::now() < until && wrong == 0) {
        auto ticket = runtime.publish(of(atomic_add(1, words_of_other), other));
        if (!ticket && ticket.error() == Errc::quota_full) {  // finished slots that COMPLETED does not count yet
            ++full;
            BOOST_REQUIRE(runtime.wait_for_room(1, 1min, Priority::normal, other).has_value());
            ticket = runtime.publish(of(atomic_add(1, words_of_other), other));
        }
        const auto waited = ticket ? runtime.wait(*ticket, 1min) : std::unexpected(ticket.error());
        const auto result = waited ? runtime.result(*ticket) : std::unexpected(waited.error());
        if (!result) BOOST_TEST_MESSAGE("no result: " << message(result.error()));
        else if (!result->ok() || result->value != expected)
            BOOST_TEST_MESSAGE(code_name(result->code) << ", " << result->value << " for " << expected);
        if (!result || !result->ok() || result->value != expected++) ++wrong;
    }
    if (wrong != 0)
        if (const auto diagnosis = runtime.diagnose()) BOOST_TEST_MESSAGE(diagnosis->text());
    go_on = false;
    writer.join();
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(expected > 0u);
    BOOST_TEST_MESSAGE(expected << " results, " << full << " times without room, " << hostile.completed()
                                << " of the hostile tenant's slots");
    BOOST_TEST(control(runtime, words_of_other) == expected);
    for (std::uint32_t word = 160; word < 400; ++word)
        if (word - words_of_one >= own_words && word != words_of_other) BOOST_TEST(control(runtime, word) == 0u);
    for (const std::byte byte : runtime.buffer("pages")) BOOST_TEST((byte == std::byte{0}));
    BOOST_TEST(run(runtime, store_u32(1, 500)).ok());
}
