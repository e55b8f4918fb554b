cmake_minimum_required(VERSION 3.20)
project(hive LANGUAGES C CXX)

option(HIVE_TESTS "Build the tests" ON)

add_library(hive src/hive.c src/frame.c)
target_include_directories(hive PUBLIC include)

if(HIVE_TESTS)
  enable_testing()
  add_executable(test_hive tests/test_hive.c)
  target_link_libraries(test_hive PRIVATE hive)
  add_test(NAME hive COMMAND test_hive)
endif()
