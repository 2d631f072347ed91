// conformance FILE: runs every case of a vectors file, one a line ("-" reads standard input).
// Prints each mismatch with its case number, then "N passed, N failed". Exit status: 0 all passed, 1 some failed or
// there was none, 2 the file could not be read.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <expected>
#include <fstream>
#include <iostream>
#include <string>

#include <slipring/codec.hpp>

#include "vectors.hpp"

namespace {

using namespace slipring;
using vectors::Case;
using vectors::Kind;
using vectors::List;

using Encoded = std::expected<std::uint32_t, Errc>;

std::expected<Opcode, Errc> make_opcode(const vectors::OpcodeSpec& spec) {
    if (spec.custom) return Opcode::custom(spec.value);
    return Opcode(static_cast<Op>(spec.value));
}

std::expected<Slot, Errc> make_slot(const vectors::SlotSpec& spec) {
    std::expected<Slot, Errc> made;
    if (spec.packed) {
        std::vector<InnerOp> ops;
        for (const auto& op : spec.inner) ops.push_back({op.opcode, op.args});
        made = packed(ops);
    } else {
        const auto opcode = make_opcode(spec.opcode);
        if (!opcode) return std::unexpected(opcode.error());
        made = slot(*opcode, spec.args);
    }
    return made ? made->for_tenant(spec.tenant) : made;
}

std::expected<std::vector<Slot>, Errc> make_batch(const Case& given) {
    std::vector<Slot> batch;
    for (const auto& spec : given.slots) {
        const auto made = make_slot(spec);
        if (!made) return std::unexpected(made.error());
        batch.push_back(*made);
    }
    return batch;
}

// A window borrows its entries: they live here.
struct MadeWindow {
    explicit MadeWindow(const Case& given)
        : required(given.required.begin(), given.required.end()),
          lookahead(given.lookahead.begin(), given.lookahead.end()), opcode(make_opcode(given.opcode)) {
        if (opcode) window = {given.ticket, *opcode, given.tenant, required, lookahead};
    }
    MadeWindow(const MadeWindow&) = delete;

    std::vector<Payload> required, lookahead;
    std::expected<Opcode, Errc> opcode;
    Window window;
};

// The ways to encode one case; a window has its own and that of its batch.
enum class Way { direct, through_batch };

template <class Element>
Encoded encode_case(const Case& given, Way way, std::span<Element> image) {
    if (given.kind == Kind::window) {
        const MadeWindow made(given);
        if (!made.opcode) return std::unexpected(made.opcode.error());
        if (way == Way::direct) return encode(made.window, image, given.start);
        const auto batch = to_batch(made.window);
        if (!batch) return std::unexpected(batch.error());
        return encode(std::span<const Slot>(*batch), image, given.start);
    }
    const auto batch = make_batch(given);
    if (!batch) return std::unexpected(batch.error());
    if (given.kind == Kind::slot && way == Way::direct) return encode(batch->front(), image, given.start);
    return encode(std::span<const Slot>(*batch), image, given.start);
}

// Empty if the outcome and the image are what the case says.
std::string compare(const Case& given, const Encoded& outcome, const std::byte* image) {
    const auto& expected = given.ok ? given.after : given.before;
    if (outcome.has_value() != given.ok)
        return outcome ? "succeeds, should fail" : "fails: " + std::string(message(outcome.error()));
    if (given.ok && *outcome != given.consumed) return "consumes " + std::to_string(*outcome);
    if (std::memcmp(image, expected.data(), expected.size()) != 0)
        return given.ok ? "gives another image" : "changes the image although it fails";
    return {};
}

std::string check_encode(const Case& given, Way way) {
    std::vector<std::byte> bytes(given.before.size() + 1);  // from its second byte: no alignment at all
    std::ranges::copy(given.before, bytes.begin() + 1);
    const std::span<std::byte> image = std::span(bytes).subspan(1);
    if (auto wrong = compare(given, encode_case(given, way, image), image.data()); !wrong.empty())
        return "bytes: " + wrong;

    std::vector<std::uint32_t> words(given.before.size() / 4);
    std::memcpy(words.data(), given.before.data(), given.before.size());
    const auto outcome = encode_case(given, way, std::span(words));
    const auto wrong = compare(given, outcome, reinterpret_cast<const std::byte*>(words.data()));
    return wrong.empty() ? wrong : "words: " + wrong;
}

// The given words, and zeros behind them.
bool same_padded(std::span<const std::uint32_t> padded, const List& given) {
    return given.size() <= padded.size() && std::ranges::equal(padded.first(given.size()), given) &&
           std::ranges::all_of(padded.subspan(given.size()), [](std::uint32_t word) { return word == 0; });
}

std::string check_slot(const vectors::SlotSpec& spec, const Slot& got) {
    if (got != *make_slot(spec)) return "decodes to another slot";
    if (got.tenant() != spec.tenant || got.is_packed() != spec.packed) return "decodes to another tenant or kind";
    if (!spec.packed) {
        const bool same = got.opcode() == spec.opcode.value && same_padded(got.args(), spec.args);
        return same ? "" : "decodes to another opcode or arguments";
    }
    const auto ops = unpack(got);
    if (!ops) return "does not unpack: " + std::string(message(ops.error()));
    const auto same = [](const InnerOp& op, const vectors::InnerSpec& inner) {
        return op.opcode == inner.opcode && std::ranges::equal(op.args, inner.args);
    };
    return std::ranges::equal(*ops, spec.inner, same) ? "" : "unpacks to other operations";
}

std::string check_window(const Case& given) {
    const auto head = decode_window(given.after, given.start, given.consumed);
    if (given.consumed == 0) return head ? "an empty window decodes" : "";
    if (!head) return "does not decode as a window: " + std::string(message(head.error()));
    const bool same = head->ticket == given.ticket && head->opcode.value() == given.opcode.value &&
                      head->tenant == given.tenant && head->required == given.required.size() &&
                      head->lookahead == given.lookahead.size();
    return same ? "" : "decodes to another window";
}

std::string check_decode(const Case& given) {
    for (std::uint32_t i = 0; i < given.consumed; ++i) {
        const auto got = decode(given.after, given.start + i);
        if (!got) return "does not decode: " + std::string(message(got.error()));
        if (given.kind != Kind::window) {
            if (auto wrong = check_slot(given.slots[i], *got); !wrong.empty()) return wrong;
        } else {
            const std::size_t required = given.required.size();
            const List& expected = i < required ? given.required[i] : given.lookahead[i - required];
            if (!same_padded(payload(*got), expected)) return "decodes to another payload";
        }
    }
    return given.kind == Kind::window ? check_window(given) : "";
}

std::string check_line(std::string_view line) {
    const auto given = vectors::parse(line);
    if (!given) return "malformed line";
    const std::size_t items =
        given->kind == Kind::window ? given->required.size() + given->lookahead.size() : given->slots.size();
    if (given->ok && given->consumed != items) return "malformed line: it consumes what it does not hold";
    if (auto wrong = check_encode(*given, Way::direct); !wrong.empty()) return wrong;
    if (auto wrong = check_encode(*given, Way::through_batch); !wrong.empty()) return "as its batch: " + wrong;
    return given->ok ? check_decode(*given) : "";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: conformance FILE\n");
        return 2;
    }
    std::ifstream file;
    const bool standard_input = std::string_view(argv[1]) == "-";
    if (!standard_input) file.open(argv[1]);
    std::istream& in = standard_input ? std::cin : file;
    if (!in) {
        std::fprintf(stderr, "conformance: cannot read %s\n", argv[1]);
        return 2;
    }

    std::size_t passed = 0, failed = 0;
    for (std::string line; std::getline(in, line);) {
        const std::string wrong = check_line(line);
        wrong.empty() ? ++passed : ++failed;
        if (!wrong.empty()) std::printf("case %zu: %s\n", passed + failed, wrong.c_str());
    }
    if (in.bad()) {
        std::fprintf(stderr, "conformance: reading %s failed\n", argv[1]);
        return 2;
    }
    std::printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 && passed != 0 ? 0 : 1;
}
