// A test program: TEST blocks that CHECK, and a main that runs them all or those whose
// names contain the first argument.
#pragma once

#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "wengert/error.h"

namespace check {

struct Test {
  const char* name;
  std::function<void()> body;
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

inline int& Failures() {
  static int failures = 0;
  return failures;
}

struct Registration {
  Registration(const char* name, std::function<void()> body) {
    Tests().push_back({name, std::move(body)});
  }
};

// Sanitizers make everything many times slower: random tests take fewer cases there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kEveryNth = 4;
#else
inline constexpr int kEveryNth = 1;
#endif

inline void Report(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  ++Failures();
}

template <class T>
std::string Show(const T& value) {
  if constexpr (requires { std::string(value); }) {
    return "\"" + std::string(value) + "\"";
  } else if constexpr (requires { std::to_string(value); }) {
    return std::to_string(value);
  } else {
    return "(value)";
  }
}

template <class A, class B>
void Equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) Report(file, line, std::string(text) + ": " + Show(a) + " is not " + Show(b));
}

// `message`: what the error must say, whole; "" accepts any.
template <class F>
void Throws(F&& f, wengert::ErrorKind kind, const std::string& message, const char* file,
            int line) {
  try {
    f();
  } catch (const wengert::Error& error) {
    if (error.kind() != kind) Report(file, line, std::string("another kind: ") + error.what());
    if (!message.empty() && message != error.what()) {
      Report(file, line, std::string("another message: ") + error.what());
    }
    return;
  }
  Report(file, line, "nothing thrown");
}

inline int Main(int argc, char** argv) {
  for (const Test& test : Tests()) {
    if (argc > 1 && std::string(test.name).find(argv[1]) == std::string::npos) continue;
    const int before = Failures();
    try {
      test.body();
    } catch (const std::exception& error) {
      Report(test.name, 0, std::string("unexpected exception: ") + error.what());
    }
    std::printf("%s %s\n", Failures() == before ? "ok  " : "FAIL", test.name);
  }
  return Failures() == 0 ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                                 \
  static void name();                                              \
  static const check::Registration name##_registered(#name, name); \
  static void name()
#define CHECK(condition) \
  ((condition) ? void() : check::Report(__FILE__, __LINE__, "failed: " #condition))
#define CHECK_EQ(a, b) check::Equal((a), (b), #a, __FILE__, __LINE__)
// CHECK_THROWS(kValueError, "message", expression)
#define CHECK_THROWS(kind, message, ...) \
  check::Throws([&] { (void)(__VA_ARGS__); }, wengert::ErrorKind::kind, message, __FILE__, __LINE__)
#define TEST_MAIN()                 \
  int main(int argc, char** argv) { \
    return check::Main(argc, argv); \
  }
