;; An example of a rule: puts [REDACTED] in the place of secrets. Lines stay where they are.
;;
;; 1. Tokens that tell by their first letters what they are (AKIA..., ghp_..., sk-...).
;; 2. Values behind a telling name: password = "...", api_key: ..., "secret": "...".
;; 3. The inside of private keys in PEM.
;;
;; Built by scripts/build_wasm.py, which needs nothing but wasmtime; docs/rules.md explains it.
(module
  (memory (export "memory") 2)

  ;; Tables of byte strings: one byte of length, one of the least length of what follows, the
  ;; string; a length of 0 ends the table.
  (data (i32.const 64)
    "\04\0cAKIA" "\04\0cASIA" "\04\14ghp_" "\04\14gho_" "\04\14ghs_" "\04\14ghu_"
    "\0b\14github_pat_" "\06\10glpat-" "\03\14sk-" "\08\10sk_live_" "\08\10rk_live_"
    "\05\10xoxb-" "\05\10xoxp-" "\05\10xoxa-" "\04\1eAIza" "\04\14npm_" "\05\14pypi-" "\03\14hf_"
    "\00")
  (data (i32.const 512)
    "\08\06password" "\06\06passwd" "\06\06secret" "\0d\06client_secret" "\05\08token"
    "\07\06api_key" "\06\06apikey" "\07\06api-key" "\0a\06access_key" "\0b\06private_key" "\00")
  (data (i32.const 32) "[REDACTED]")
  (data (i32.const 1024) "-----BEGIN ")
  (data (i32.const 1040) "-----END ")
  (data (i32.const 1056) "PRIVATE KEY-----")

  (global $top (mut i32) (i32.const 2048))   ;; first free byte
  (global $text (mut i32) (i32.const 0))     ;; what is read
  (global $end (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0))      ;; where the next byte is written

  (func $alloc (export "alloc") (param $length i32) (result i32)
    (local $start i32) (local $missing i32)
    (local.set $start (global.get $top))
    (global.set $top (i32.add (global.get $top) (local.get $length)))
    (if (i32.lt_u (global.get $top) (local.get $start)) (then unreachable))
    (local.set $missing (i32.sub
      (i32.shr_u (i32.add (global.get $top) (i32.const 65535)) (i32.const 16))
      (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
      (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
    (local.get $start))

  ;; The byte at an address, 0 behind the end.
  (func $at (param $p i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $p) (global.get $end))
      (then (i32.load8_u (local.get $p))) (else (i32.const 0))))

  (func $put (param $byte i32)
    (i32.store8 (global.get $out) (local.get $byte))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))

  (func $copy (param $from i32) (param $to i32)
    (memory.copy (global.get $out) (local.get $from)
      (i32.sub (local.get $to) (local.get $from)))
    (global.set $out (i32.add (global.get $out) (i32.sub (local.get $to) (local.get $from)))))

  (func $redacted (call $copy (i32.const 32) (i32.const 42)))

  ;; Folds A to Z; other bytes stay.
  (func $lower (param $byte i32) (result i32)
    (if (result i32) (i32.lt_u (i32.sub (local.get $byte) (i32.const 65)) (i32.const 26))
      (then (i32.or (local.get $byte) (i32.const 32))) (else (local.get $byte))))

  (func $is_alnum (param $byte i32) (result i32)
    (i32.or
      (i32.lt_u (i32.sub (call $lower (local.get $byte)) (i32.const 97)) (i32.const 26))
      (i32.lt_u (i32.sub (local.get $byte) (i32.const 48)) (i32.const 10))))

  ;; What tokens are made of: letters, digits, - and _.
  (func $in_token (param $byte i32) (result i32)
    (i32.or (call $is_alnum (local.get $byte))
      (i32.or (i32.eq (local.get $byte) (i32.const 45)) (i32.eq (local.get $byte) (i32.const 95)))))

  ;; What a value may hold: anything that is printed, but quotes, brackets, commas and the like.
  (func $in_value (param $byte i32) (result i32)
    (if (i32.le_u (local.get $byte) (i32.const 32)) (then (return (i32.const 0))))
    (if (i32.eq (local.get $byte) (i32.const 34)) (then (return (i32.const 0))))   ;; "
    (if (i32.eq (local.get $byte) (i32.const 39)) (then (return (i32.const 0))))   ;; '
    (if (i32.eq (local.get $byte) (i32.const 96)) (then (return (i32.const 0))))   ;; `
    (if (i32.eq (local.get $byte) (i32.const 40)) (then (return (i32.const 0))))   ;; (
    (if (i32.eq (local.get $byte) (i32.const 41)) (then (return (i32.const 0))))   ;; )
    (if (i32.eq (local.get $byte) (i32.const 44)) (then (return (i32.const 0))))   ;; ,
    (if (i32.eq (local.get $byte) (i32.const 59)) (then (return (i32.const 0))))   ;; ;
    (if (i32.eq (local.get $byte) (i32.const 60)) (then (return (i32.const 0))))   ;; <
    (if (i32.eq (local.get $byte) (i32.const 62)) (then (return (i32.const 0))))   ;; >
    (if (i32.eq (local.get $byte) (i32.const 123)) (then (return (i32.const 0))))  ;; {
    (if (i32.eq (local.get $byte) (i32.const 125)) (then (return (i32.const 0))))  ;; }
    (i32.const 1))

  ;; Whether a string stands at $p; with $fold, in either case.
  (func $starts (param $p i32) (param $word i32) (param $length i32) (param $fold i32) (result i32)
    (local $i i32) (local $byte i32)
    (loop $next
      (if (i32.ge_u (local.get $i) (local.get $length)) (then (return (i32.const 1))))
      (local.set $byte (call $at (i32.add (local.get $p) (local.get $i))))
      (if (local.get $fold) (then (local.set $byte (call $lower (local.get $byte)))))
      (if (i32.ne (local.get $byte) (i32.load8_u (i32.add (local.get $word) (local.get $i))))
        (then (return (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))
    (i32.const 0))

  (func $skip_token (param $p i32) (result i32)
    (loop $next
      (if (call $in_token (call $at (local.get $p))) (then
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (br $next))))
    (local.get $p))

  (func $skip_value (param $p i32) (result i32)
    (loop $next
      (if (call $in_value (call $at (local.get $p))) (then
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (br $next))))
    (local.get $p))

  ;; Skips blanks and quotes.
  (func $skip_marks (param $p i32) (result i32)
    (local $byte i32)
    (loop $next
      (local.set $byte (call $at (local.get $p)))
      (if (i32.or (i32.or (i32.eq (local.get $byte) (i32.const 32))
                          (i32.eq (local.get $byte) (i32.const 9)))
                  (i32.or (i32.eq (local.get $byte) (i32.const 34))
                          (i32.eq (local.get $byte) (i32.const 39))))
        (then (local.set $p (i32.add (local.get $p) (i32.const 1))) (br $next))))
    (local.get $p))

  ;; The end of a token with a telling start at $p, or $p.
  (func $token (param $p i32) (result i32)
    (local $row i32) (local $length i32) (local $stop i32)
    (local.set $row (i32.const 64))
    (loop $next
      (local.set $length (i32.load8_u (local.get $row)))
      (if (i32.eqz (local.get $length)) (then (return (local.get $p))))
      (if (call $starts (local.get $p) (i32.add (local.get $row) (i32.const 2))
            (local.get $length) (i32.const 0)) (then
        (local.set $stop (call $skip_token (i32.add (local.get $p) (local.get $length))))
        (if (i32.ge_u (i32.sub (i32.sub (local.get $stop) (local.get $p)) (local.get $length))
              (i32.load8_u offset=1 (local.get $row)))
          (then (return (local.get $stop))))))
      (local.set $row (i32.add (local.get $row) (i32.add (local.get $length) (i32.const 2))))
      (br $next))
    (local.get $p))

  ;; If a telling name with a value begins at $p: writes the name and [REDACTED], returns the end.
  (func $assigned (param $p i32) (result i32)
    (local $row i32) (local $length i32) (local $value i32) (local $stop i32) (local $byte i32)
    (local.set $row (i32.const 512))
    (loop $next
      (local.set $length (i32.load8_u (local.get $row)))
      (if (i32.eqz (local.get $length)) (then (return (local.get $p))))
      (if (call $starts (local.get $p) (i32.add (local.get $row) (i32.const 2))
            (local.get $length) (i32.const 1)) (then
        (local.set $value (call $skip_marks (i32.add (local.get $p) (local.get $length))))
        (local.set $byte (call $at (local.get $value)))
        (if (i32.or (i32.eq (local.get $byte) (i32.const 58))
                    (i32.eq (local.get $byte) (i32.const 61))) (then
          (local.set $value (call $skip_marks (i32.add (local.get $value) (i32.const 1))))
          (local.set $stop (call $skip_value (local.get $value)))
          (if (i32.ge_u (i32.sub (local.get $stop) (local.get $value))
                (i32.load8_u offset=1 (local.get $row))) (then
            ;; A call or a lookup is no secret: os.environ[...], read(...).
            (if (i32.ne (call $at (local.get $stop)) (i32.const 40)) (then
              (call $copy (local.get $p) (local.get $value))
              (call $redacted)
              (return (local.get $stop))))))))))
      (local.set $row (i32.add (local.get $row) (i32.add (local.get $length) (i32.const 2))))
      (br $next))
    (local.get $p))

  ;; If a private key begins at $p: writes its first line and its line ends, returns its last line.
  (func $key (param $p i32) (result i32)
    (local $q i32)
    (if (i32.eqz (call $starts (local.get $p) (i32.const 1024) (i32.const 11) (i32.const 0)))
      (then (return (local.get $p))))
    (local.set $q (local.get $p))
    (block $found (loop $line
      (br_if $found (call $starts (local.get $q) (i32.const 1056) (i32.const 16) (i32.const 0)))
      (if (i32.lt_u (call $at (local.get $q)) (i32.const 32)) (then (return (local.get $p))))
      (local.set $q (i32.add (local.get $q) (i32.const 1)))
      (br $line)))
    (local.set $q (i32.add (local.get $q) (i32.const 16)))
    (call $copy (local.get $p) (local.get $q))
    (call $redacted)
    (loop $body
      (if (i32.ge_u (local.get $q) (global.get $end)) (then (return (local.get $q))))
      (if (call $starts (local.get $q) (i32.const 1040) (i32.const 9) (i32.const 0))
        (then (return (local.get $q))))
      (if (i32.eq (call $at (local.get $q)) (i32.const 10)) (then (call $put (i32.const 10))))
      (local.set $q (i32.add (local.get $q) (i32.const 1)))
      (br $body))
    (local.get $q))

  (func (export "apply") (param $text i32) (param $length i32) (result i64)
    (local $p i32) (local $next i32) (local $start i32)
    (global.set $end (i32.add (local.get $text) (local.get $length)))
    ;; The shortest thing that is replaced, name and value, is no shorter than half of its mark.
    (local.set $start (call $alloc (i32.add (i32.mul (local.get $length) (i32.const 2)) (i32.const 16))))
    (global.set $out (local.get $start))
    (local.set $p (local.get $text))
    (block $done (loop $each
      (br_if $done (i32.ge_u (local.get $p) (global.get $end)))
      (local.set $next (call $key (local.get $p)))
      (if (i32.ne (local.get $next) (local.get $p)) (then
        (local.set $p (local.get $next)) (br $each)))
      (local.set $next (call $assigned (local.get $p)))
      (if (i32.ne (local.get $next) (local.get $p)) (then
        (local.set $p (local.get $next)) (br $each)))
      ;; A token begins where no word goes on.
      (if (i32.or (i32.eq (local.get $p) (local.get $text))
                  (i32.eqz (call $is_alnum (i32.load8_u (i32.sub (local.get $p) (i32.const 1))))))
        (then
          (local.set $next (call $token (local.get $p)))
          (if (i32.ne (local.get $next) (local.get $p)) (then
            (call $redacted)
            (local.set $p (local.get $next)) (br $each)))))
      (call $put (call $at (local.get $p)))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br $each)))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $start)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $out) (local.get $start)))))
)
