// A program without a test, whose header is compiled for the others: see meson.build.
