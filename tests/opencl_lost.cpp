// A device that is lost in the user's own context: the runtime goes on there, and the user's memory stays as it is.
#include <boost/test/unit_test.hpp>

#include <slipring/opencl.hpp>

#include "lost_fixture.hpp"
#include "opencl_user.hpp"

using namespace slipring;

BOOST_AUTO_TEST_CASE(a_runtime_goes_on_in_the_users_context) {
    const User user;
    const MeantToLeak sessions;
    const auto context = opencl_context(user.context, user.device);
    const auto memory = opencl_memory(user.words);
    BOOST_REQUIRE((context && memory));
    Options options = lossy();
    options.device = "auto";
    options.mode = ExecutionMode::persistent;
    options.context = *context;
    options.buffers = {release_word, {.name = "tallies", .memory = *memory}};
    auto opened = Runtime::open(std::move(options));
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().text()));
    Runtime& runtime = *opened;

    for (std::uint32_t i = 0; i < 3; ++i) BOOST_TEST(run(runtime, slot(tally)).value == i);
    const auto release = runtime.buffer("release");
    is_lost(runtime, publish_stall(runtime));
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));
    BOOST_TEST(run(runtime, slot(tally)).value == 3u);  // not zeroed
    BOOST_TEST(user.add_and_read(10)[0] == 14u);        // and the user's kernels run beside it
    word(release).store(1);
}
