foreach(module bytes cursor secret addr ts ident transform proposal)
  tunike_unit_test(${module} tunike_base ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c)
endforeach()
