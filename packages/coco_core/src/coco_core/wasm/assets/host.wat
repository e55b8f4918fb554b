;; What the core of tree-sitter imports, inside the sandbox: no callback of a parse enters Python.
(module
  (import "env" "memory" (memory 1))
  (global $text (mut i32) (i32.const 0))    ;; address of the source, UTF-16LE
  (global $units (mut i32) (i32.const 0))   ;; its length in code units
  (global $ticks (mut i32) (i32.const 0))   ;; progress calls that are left

  (func (export "set_text") (param i32 i32)
    (global.set $text (local.get 0)) (global.set $units (local.get 1)))
  (func (export "set_ticks") (param i32) (global.set $ticks (local.get 0)))
  (func (export "ticks_left") (result i32) (global.get $ticks))

  ;; The core reads in pieces; 5,119 units and a terminator fill its buffer of 10 KiB.
  (func (export "tree_sitter_parse_callback")
    (param $buffer i32) (param $at i32) (param $row i32) (param $column i32) (param $length i32)
    (local $n i32)
    (if (i32.lt_u (local.get $at) (global.get $units)) (then
      (local.set $n (i32.sub (global.get $units) (local.get $at)))
      (if (i32.gt_u (local.get $n) (i32.const 5119)) (then (local.set $n (i32.const 5119))))
      (memory.copy (local.get $buffer)
        (i32.add (global.get $text) (i32.shl (local.get $at) (i32.const 1)))
        (i32.shl (local.get $n) (i32.const 1)))))
    (i32.store (local.get $length) (local.get $n)))

  ;; Counts; the answer 1 stops the work.
  (func $tick (result i32)
    (if (i32.eqz (global.get $ticks)) (then (return (i32.const 1))))
    (global.set $ticks (i32.sub (global.get $ticks) (i32.const 1)))
    (i32.const 0))
  (func (export "tree_sitter_progress_callback") (param i32 i32) (result i32) (call $tick))
  (func (export "tree_sitter_query_progress_callback") (param i32) (result i32) (call $tick))
  (func (export "tree_sitter_log_callback") (param i32 i32))

  ;; Asks for a fifth more than is wanted, and for no more than that when it is refused.
  (func (export "emscripten_resize_heap") (param $wanted i32) (result i32)
    (local $have i32) (local $pages i32)
    (local.set $have (i32.shl (memory.size) (i32.const 16)))
    (if (i32.le_u (local.get $wanted) (local.get $have)) (then (return (i32.const 1))))
    (local.set $pages (i32.shr_u
      (i32.add (i32.sub (local.get $wanted) (local.get $have)) (i32.const 65535)) (i32.const 16)))
    (if (i32.ne (i32.const -1)
          (memory.grow (i32.add (local.get $pages) (i32.div_u (memory.size) (i32.const 5)))))
      (then (return (i32.const 1))))
    (i32.ne (memory.grow (local.get $pages)) (i32.const -1)))

  (func (export "_abort_js") (unreachable))
  (func (export "abort") (unreachable))
  (func (export "__assert_fail") (param i32 i32 i32 i32) (unreachable))
  ;; Streams: there are none (ENOSYS, ESPIPE).
  (func (export "fd_write") (param i32 i32 i32 i32) (result i32) (i32.const 52))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 70))
  (func (export "fd_close") (param i32) (result i32) (i32.const 52))
  ;; Older scanners use it and the core does not have it.
  (func (export "isalpha") (param i32) (result i32)
    (i32.lt_u (i32.sub (i32.or (local.get 0) (i32.const 32)) (i32.const 97)) (i32.const 26)))
)
