(list_lit . value: (sym_lit name: (sym_name) @_form) . value: (sym_lit name: (sym_name) @name)
  (#any-of? @_form "defn" "defn-" "defmulti" "defmethod" "deftest" "defmacro" "definline")) @definition.function
(list_lit . value: (sym_lit name: (sym_name) @_form) . value: (sym_lit name: (sym_name) @name)
  (#any-of? @_form "defprotocol" "defrecord" "deftype" "definterface")) @definition.class
(list_lit . value: (sym_lit name: (sym_name) @_form) . value: (sym_lit name: (sym_name) @name)
  (#any-of? @_form "def" "defonce" "s/def" "declare")) @definition.constant

(list_lit) @body
(map_lit) @body

(comment) @lead

(list_lit . value: (sym_lit name: (sym_name) @_ns)
  value: (list_lit . value: (kwd_lit) value: (vec_lit . value: (sym_lit) @import)) (#eq? @_ns "ns"))
