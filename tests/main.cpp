// Boost.Test's runner, for all test programs.
#define BOOST_TEST_MODULE slipring
#ifdef BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#else
#include <boost/test/included/unit_test.hpp>
#endif
