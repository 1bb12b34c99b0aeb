# OpenBLAS from the PyPI package scipy-openblas32: no system package is needed. The shared
# library is installed beside libwengert, which loads it when it is first needed.
if(NOT Python_EXECUTABLE)
  find_package(Python 3.10 COMPONENTS Interpreter REQUIRED)
endif()
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import scipy_openblas32 as s; print(s.get_include_dir()); print(s.get_lib_dir()); print(s.get_library(fullname=True))"
  OUTPUT_VARIABLE _openblas OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE _failed)
if(_failed)
  message(FATAL_ERROR "scipy-openblas32 was not found by ${Python_EXECUTABLE}. Build with "
                      "`pip install .`, or install it: pip install scipy-openblas32")
endif()
string(REPLACE "\n" ";" _openblas "${_openblas}")
list(GET _openblas 0 WENGERT_OPENBLAS_INCLUDE)
list(GET _openblas 1 WENGERT_OPENBLAS_LIB_DIR)
list(GET _openblas 2 _openblas_file)
set(WENGERT_OPENBLAS_LIBRARY "${WENGERT_OPENBLAS_LIB_DIR}/${_openblas_file}")
