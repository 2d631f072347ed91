// Prints the version that it was compiled with and the one that it runs with.
#include <cstdio>

#include <slipring/version.hpp>

int main() { std::printf("%s %s\n", SLIPRING_VERSION_STRING, slipring::version().data()); }
