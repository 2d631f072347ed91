// Without any OpenCL platform, opening says so and what to install.
#include <boost/test/unit_test.hpp>

#include <cstdlib>

#include <slipring/runtime.hpp>

using namespace slipring;

BOOST_AUTO_TEST_CASE(opening_without_a_platform_says_what_to_install) {
    // Read by the ICD loader at its first call, so before any in this process.
    BOOST_REQUIRE(setenv("OCL_ICD_VENDORS", "/no/such/folder", 1) == 0);
    BOOST_REQUIRE(setenv("OCL_ICD_FILENAMES", "", 1) == 0);
    const auto runtime = Runtime::open();
    BOOST_REQUIRE(!runtime.has_value());
    BOOST_TEST(runtime.error().code == Errc::no_platform);
    BOOST_TEST(runtime.error().text().find("pocl-opencl-icd") != std::string::npos);
    BOOST_TEST(devices().error().code == Errc::no_platform);
}
