// Boost.Test's runner, compiled once for all test programs: it takes four times as long as any of them.
#define BOOST_TEST_MODULE slipring
#include <boost/test/included/unit_test.hpp>
