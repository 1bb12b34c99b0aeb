// Version of the library.
#pragma once

#define WENGERT_VERSION "0.1.0"
