;; One file in one call: parse, run the query, write what was found as a row of 32-bit words.
;;
;; The words: the parts of the root as (count, (start, end)*); then every match as
;; (pattern, captures, (capture, start, end, [count, (start, end)*])*), where the bracket stands
;; behind captures whose parts are wanted. Offsets are UTF-16 code units.
(module
  (import "env" "memory" (memory 1))
  (import "core" "malloc" (func $malloc (param i32) (result i32)))
  (import "core" "realloc" (func $realloc (param i32 i32) (result i32)))
  (import "core" "free" (func $free (param i32)))
  (import "core" "ts_parser_parse_wasm" (func $parse (param i32 i32 i32 i32 i32) (result i32)))
  (import "core" "ts_parser_reset" (func $reset (param i32)))
  (import "core" "ts_tree_delete" (func $tree_delete (param i32)))
  (import "core" "ts_tree_root_node_wasm" (func $root (param i32)))
  (import "core" "ts_node_end_index_wasm" (func $node_end (param i32) (result i32)))
  (import "core" "ts_node_children_wasm" (func $children (param i32)))
  (import "core" "ts_node_child_count_wasm" (func $child_count (param i32) (result i32)))
  (import "core" "ts_node_named_child_count_wasm" (func $named_count (param i32) (result i32)))
  (import "core" "ts_node_has_error_wasm" (func $has_error (param i32) (result i32)))
  (import "core" "ts_query_matches_wasm" (func $matches
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "host" "set_ticks" (func $set_ticks (param i32)))
  (import "host" "ticks_left" (func $ticks_left (result i32)))

  (global $transfer (mut i32) (i32.const 0))   ;; where the core takes and leaves nodes (20 bytes)
  (global $out (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))       ;; bytes at $out
  (global $used (mut i32) (i32.const 0))       ;; bytes written there
  (global $body (mut i32) (i32.const -1))      ;; captures whose parts are wanted
  (global $spread (mut i32) (i32.const -1))

  (func (export "init") (param i32 i32 i32)
    (global.set $transfer (local.get 0))
    (global.set $body (local.get 1))
    (global.set $spread (local.get 2)))
  (func (export "out") (result i32) (global.get $out))

  (func $put (param $word i32)
    (if (i32.gt_u (i32.add (global.get $used) (i32.const 4)) (global.get $room)) (then
      (global.set $room (i32.add (i32.shl (global.get $room) (i32.const 1)) (i32.const 65536)))
      (global.set $out (call $realloc (global.get $out) (global.get $room)))
      (if (i32.eqz (global.get $out)) (then unreachable))))
    (i32.store (i32.add (global.get $out) (global.get $used)) (local.get $word))
    (global.set $used (i32.add (global.get $used) (i32.const 4))))

  (func $load_node (param $node i32)
    (memory.copy (global.get $transfer) (local.get $node) (i32.const 20)))

  ;; Writes the ranges of the children of the node in the transfer buffer.
  (func $put_parts (param $tree i32)
    (local $count i32) (local $nodes i32) (local $at i32)
    (call $children (local.get $tree))
    (local.set $count (i32.load (global.get $transfer)))
    (local.set $nodes (i32.load offset=4 (global.get $transfer)))
    (local.set $at (local.get $nodes))
    (call $put (local.get $count))
    (if (i32.eqz (local.get $count)) (then (return)))
    (loop $each
      (call $put (i32.load offset=4 (local.get $at)))
      (call $load_node (local.get $at))
      (call $put (call $node_end (local.get $tree)))
      (local.set $at (i32.add (local.get $at) (i32.const 20)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $each (local.get $count)))
    (call $free (local.get $nodes)))

  ;; Whether a node with errors has so many parts that a query would crawl: more than $wide, fewer
  ;; than a quarter of them named. Breadth first, among the first $most nodes with errors.
  (func $has_wide_error (param $tree i32) (param $wide i32) (param $most i32) (result i32)
    (local $queue i32) (local $first i32) (local $last i32) (local $count i32)
    (local $nodes i32) (local $at i32)
    (local.set $queue (call $malloc (i32.mul (local.get $most) (i32.const 20))))
    (if (i32.eqz (local.get $queue)) (then unreachable))
    (call $root (local.get $tree))
    (if (i32.eqz (call $has_error (local.get $tree))) (then
      (call $free (local.get $queue)) (return (i32.const 0))))
    (call $root (local.get $tree))
    (memory.copy (local.get $queue) (global.get $transfer) (i32.const 20))
    (local.set $last (i32.const 1))
    (loop $next
      (if (i32.ge_u (local.get $first) (local.get $last)) (then
        (call $free (local.get $queue)) (return (i32.const 0))))
      (local.set $at (i32.add (local.get $queue) (i32.mul (local.get $first) (i32.const 20))))
      (local.set $first (i32.add (local.get $first) (i32.const 1)))
      (call $load_node (local.get $at))
      (local.set $count (call $child_count (local.get $tree)))
      (if (i32.gt_u (local.get $count) (local.get $wide)) (then
        (call $load_node (local.get $at))
        (if (i32.lt_u (i32.shl (call $named_count (local.get $tree)) (i32.const 2)) (local.get $count))
          (then (call $free (local.get $queue)) (return (i32.const 1))))))
      (call $load_node (local.get $at))
      (call $children (local.get $tree))
      (local.set $count (i32.load (global.get $transfer)))
      (local.set $nodes (i32.load offset=4 (global.get $transfer)))
      (local.set $at (local.get $nodes))
      (block $full (loop $child
        (br_if $full (i32.eqz (local.get $count)))
        (br_if $full (i32.ge_u (local.get $last) (local.get $most)))
        (call $load_node (local.get $at))
        (if (call $has_error (local.get $tree)) (then
          (memory.copy (i32.add (local.get $queue) (i32.mul (local.get $last) (i32.const 20)))
            (local.get $at) (i32.const 20))
          (local.set $last (i32.add (local.get $last) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 20)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $child)))
      (call $free (local.get $nodes))
      (br $next))
    (i32.const 0))

  (func $put_matches (param $tree i32) (param $query i32) (param $limit i32)
    (local $left i32) (local $found i32) (local $at i32) (local $captures i32) (local $capture i32)
    (call $root (local.get $tree))
    (call $matches (local.get $query) (local.get $tree)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (local.get $limit) (i32.const -1))
    (local.set $left (i32.load (global.get $transfer)))
    (local.set $found (i32.load offset=4 (global.get $transfer)))
    (local.set $at (local.get $found))
    (block $end (loop $match
      (br_if $end (i32.eqz (local.get $left)))
      (local.set $captures (i32.load offset=4 (local.get $at)))
      (call $put (i32.load (local.get $at)))
      (call $put (local.get $captures))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (block $done (loop $each
        (br_if $done (i32.eqz (local.get $captures)))
        (local.set $capture (i32.load (local.get $at)))
        (call $put (local.get $capture))
        (call $put (i32.load offset=8 (local.get $at)))
        (call $load_node (i32.add (local.get $at) (i32.const 4)))
        (call $put (call $node_end (local.get $tree)))
        (if (i32.or (i32.eq (local.get $capture) (global.get $body))
                    (i32.eq (local.get $capture) (global.get $spread))) (then
          (call $load_node (i32.add (local.get $at) (i32.const 4)))
          (call $put_parts (local.get $tree))))
        (local.set $at (i32.add (local.get $at) (i32.const 24)))
        (local.set $captures (i32.sub (local.get $captures) (i32.const 1)))
        (br $each)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $match)))
    (call $free (local.get $found)))

  ;; Returns the number of words, -1 when the parse or the query took too many ticks, -2 for an
  ;; error too wide. With $most = 0 errors are not looked at.
  (func (export "read") (param $parser i32) (param $input i32) (param $query i32)
      (param $ticks i32) (param $query_ticks i32) (param $limit i32)
      (param $wide i32) (param $most i32) (result i32)
    (local $tree i32) (local $result i32)
    (call $set_ticks (local.get $ticks))
    (local.set $tree
      (call $parse (local.get $parser) (local.get $input) (i32.const 0) (i32.const 0) (i32.const 0)))
    (if (i32.eqz (local.get $tree)) (then
      (call $reset (local.get $parser))
      (return (i32.const -1))))
    (global.set $used (i32.const 0))
    (local.set $result (i32.const -2))
    (block $refused
      (if (local.get $most) (then
        (br_if $refused (call $has_wide_error
          (local.get $tree) (local.get $wide) (local.get $most)))))
      (call $set_ticks (local.get $query_ticks))
      (call $root (local.get $tree))
      (call $put_parts (local.get $tree))
      (call $put_matches (local.get $tree) (local.get $query) (local.get $limit))
      (local.set $result (if (result i32) (call $ticks_left)
        (then (i32.shr_u (global.get $used) (i32.const 2))) (else (i32.const -1)))))
    (call $tree_delete (local.get $tree))
    (local.get $result))
)
