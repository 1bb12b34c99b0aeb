# Boost.Math headers from the PyPI package boost-headers (build requirement only).
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import importlib.metadata as m; d = m.distribution('boost-headers'); f = next(p for p in d.files if p.as_posix().endswith('boost/version.hpp')); print(d.locate_file(f).resolve().parent.parent)"
  OUTPUT_VARIABLE WENGERT_BOOST_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE _failed)
if(_failed)
  message(FATAL_ERROR "boost-headers was not found by ${Python_EXECUTABLE}. Build with "
                      "`pip install .`, or install it: pip install boost-headers")
endif()
add_library(wengert_boost_math INTERFACE)
target_include_directories(wengert_boost_math SYSTEM INTERFACE ${WENGERT_BOOST_INCLUDE})
