tunike_unit_test(ike_ticket tunike_ike ${CMAKE_CURRENT_LIST_DIR}/test_ike_ticket.c)
foreach(module ike_fragment ike_window ike_timer ike_cookie ike_puzzle ike_select ike_collision ike_mode)
  tunike_unit_test(${module} tunike_ike ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c)
endforeach()
tunike_unit_test(ike_pool tunike_ike ${CMAKE_CURRENT_LIST_DIR}/test_ike_pool.c)
foreach(module ike_engine ike_guard ike_memory)
  tunike_unit_test(${module} tunike_ike ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c
    ${CMAKE_CURRENT_LIST_DIR}/ike_pair.c)
endforeach()
target_link_options(test_ike_memory PRIVATE
  -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup)
