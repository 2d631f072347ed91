// Nothing: the target that it makes has the precompiled header of all tests.
int main() {}
