// Nothing between a descriptor and its consumer allocates: every operator new of this process is counted here, the
// library's own included, and fails on demand.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include <slipring/codec.hpp>
#include <slipring/consumer.hpp>

namespace {

std::atomic<std::size_t> allocations = 0;
std::atomic<bool> memory_is_gone = false;

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    ++allocations;
    if (memory_is_gone) return nullptr;
    const std::size_t whole = (size + alignment - 1) / alignment * alignment;
    return std::aligned_alloc(alignment, whole == 0 ? alignment : whole);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    void* const memory = allocate(size, alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

// Out of line: where g++ sees free() it misses the malloc() that belongs to it.
[[gnu::noinline]] void release(void* memory) noexcept { std::free(memory); }

constexpr std::size_t usual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

// The array forms call these.
void* operator new(std::size_t size) { return allocate_or_throw(size, usual); }
void* operator new(std::size_t size, std::align_val_t to) { return allocate_or_throw(size, std::size_t(to)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, usual); }
void* operator new(std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept {
    return allocate(size, std::size_t(to));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { release(memory); }

namespace {

using namespace slipring;

// How often `action` allocates; while it runs there is no memory to be had.
template <class Action>
std::size_t count(Action action) {
    const std::size_t before = allocations;
    memory_is_gone = true;
    action();
    memory_is_gone = false;
    return allocations - before;
}

alignas(Ring::alignment) std::array<std::byte, *Ring::bytes(64)> memory;
std::array<std::byte, 64 * SR_SLOT_BYTES> image;
std::array<std::uint32_t, 64 * SR_SLOT_WORDS> word_image;

const std::array<std::uint32_t, 13> words{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
const std::array<Slot, 3> batch{store_u32(1, 160), nop(), shutdown()};
const std::array<Payload, 3> entries{std::span(words).first(10), Payload{}, std::span(words).first(1)};
// Volatile, for g++ 12 warns of copying what it sees to be too long, and does not see that check() refuses it.
const volatile std::size_t too_many = 11;
const std::array<Payload, 1> long_entries{std::span(words).first(too_many)};
const Window window{.ticket = 4, .opcode = custom_opcode<0x100>(), .required = entries, .lookahead = entries};
const Window long_window{.required = long_entries};

std::span<const Slot> all(const std::array<Slot, 3>& slots) { return slots; }

}  // namespace

// Otherwise the zeros below say nothing: the counter sees this program and the library.
BOOST_AUTO_TEST_CASE(the_counter_counts) {
    BOOST_TEST(count([] { delete new (std::nothrow) int; }) == 1);
    const std::size_t before = allocations;
    BOOST_TEST(to_batch(window)->size() == 6);
    BOOST_TEST(allocations > before);
}

BOOST_AUTO_TEST_CASE(descriptors) {
    bool ok = false;
    BOOST_TEST(count([&] {
                   ok = slot(custom_opcode<0x100>(), std::span(words).first(12)).has_value() &&
                        !slot(custom_opcode<0x100>(), std::span(words)) &&
                        packed({inner(store_u32(1, 160)), {9, std::span(words).first(3)}}).has_value() &&
                        !packed({inner(shutdown())}) && !Opcode::custom(3) && Opcode::custom(8) && check(window) &&
                        !check(long_window);
               }) == 0);
    BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(encode_and_decode) {
    bool ok = false;
    BOOST_TEST(count([&] {
                   ok = encode(batch[0], std::span(image), 0) && encode(all(batch), std::span(image), 1) &&
                        encode(window, std::span(image), 4) &&
                        encode(*packed({inner(nop())}), std::span(image), 10) &&
                        encode(batch[0], std::span(word_image), 0) && encode(all(batch), std::span(word_image), 1) &&
                        encode(window, std::span(word_image), 4) && !encode(batch[0], std::span(image), 0) &&
                        !encode(all(batch), std::span(image), 62) && !encode(long_window, std::span(image), 40) &&
                        !encode(window, std::span(image), 0xFFFFFFFF) && decode(image, 0) && !decode(image, 63) &&
                        decode_window(image, 4, 6) && !decode_window(image, 3, 6);
                   const auto slot = decode(image, 10);
                   ok = ok && slot && unpack(*slot) && slot->is_packed();
               }) == 0);
    BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(ring_and_consumer) {
    bool ok = false;
    BOOST_TEST(count([&] {
                   const auto ring = Ring::create(memory, 64);
                   if (!ring) return;
                   ok = ring->publish(batch[0]) && ring->publish(all(batch), Quiet::yes) && ring->publish(window) &&
                        !ring->publish(long_window);
                   {
                       auto reservation = ring->reserve(2);
                       ok = ok && reservation && reservation->put(batch[0]) && ring->held();
                   }
                   ok = ok && ring->tail() == 12 && !ring->held() && !ring->reserve(64) && !ring->reserve(65);
                   Consumer consumer(*ring);
                   ok = ok && consumer.drain(100, [](auto) { return Completion{}; }) == 12 && ring->is_complete(12);
               }) == 0);
    BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(errors) {
    std::size_t length = 0;
    BOOST_TEST(count([&] {
                   const std::error_code code = Errc::ring_full;
                   length =
                       message(Errc::ring_full).size() + hint(Errc::ring_full).size() + (code == Errc::ring_full);
               }) == 0);
    BOOST_TEST(length > 0);
}

BOOST_AUTO_TEST_CASE(a_conversion_without_memory_is_an_error_value) {
    Errc error{};
    BOOST_TEST(count([&] {
                   if (const auto converted = to_batch(window); !converted) error = converted.error();
               }) > 0);
    BOOST_TEST((error == Errc::out_of_memory));
    BOOST_TEST(to_batch(window)->size() == 6);  // memory is back
}
