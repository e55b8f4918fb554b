"""What the grammars of several languages call the few things that code intelligence needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["RULES", "Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Node types and fields of one language."""

    identifiers: frozenset[str]
    members: Mapping[str, tuple[str, str]]
    """``a.b``: the fields of what stands before and behind the dot."""
    calls: Mapping[str, str]
    """Calls, with the field of what is called."""
    locals: Mapping[str, str]
    """What binds names inside of a function, with the field that holds them."""
    scopes: frozenset[str]
    new: Mapping[str, str] = field(default_factory=dict)
    """What makes an instance, with the field of its type."""
    same: frozenset[str] = frozenset()
    """Wrappers that keep the type of what they hold."""
    this: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    fields: Mapping[str, str] = field(default_factory=dict)
    """Members that the outline leaves out, with the field of their name."""
    imports: frozenset[str] = frozenset()
    """Statements in which every name is an import."""
    returns: str = ""
    """The field of a function's type."""
    bases: frozenset[str] = frozenset()
    """Children of a class that name what it inherits from."""
    private: str = ""
    """The type of a node around names that are local whatever they are (PHP's variables)."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GO = Rules(
    identifiers=_set("identifier field_identifier type_identifier package_identifier"),
    members={"selector_expression": ("operand", "field"), "qualified_type": ("package", "name")},
    calls={"call_expression": "function", "composite_literal": "type"},
    locals={
        "parameter_declaration": "name",
        "variadic_parameter_declaration": "name",
        "short_var_declaration": "left",
        "var_spec": "name",
        "const_spec": "name",
        "range_clause": "left",
        "receive_statement": "left",
        "type_parameter_declaration": "name",
        "type_switch_statement": "alias",
    },
    scopes=_set(
        "function_declaration method_declaration func_literal block for_statement if_statement"
        " expression_switch_statement type_switch_statement communication_case expression_case"
        " type_case default_case type_spec"
    ),
    new={"composite_literal": "type"},
    same=_set(
        "parenthesized_expression pointer_type parenthesized_type unary_expression generic_type"
    ),
    literals=_set(
        "interpreted_string_literal raw_string_literal int_literal float_literal rune_literal true"
        " false nil slice_type map_type array_type channel_type function_type func_literal"
    ),
    fields={"field_declaration": "name"},
    returns="result",
)

_JAVA = Rules(
    identifiers=_set("identifier type_identifier"),
    members={
        "method_invocation": ("object", "name"),
        "field_access": ("object", "field"),
        "scoped_type_identifier": ("scope", "name"),
        "method_reference": ("object", "name"),
    },
    calls={"method_invocation": "name", "object_creation_expression": "type"},
    locals={
        "formal_parameter": "name",
        "spread_parameter": "declarator",
        "local_variable_declaration": "declarator",
        "variable_declarator": "name",
        "enhanced_for_statement": "name",
        "catch_formal_parameter": "name",
        "resource": "name",
        "inferred_parameters": "",
        "lambda_expression": "parameters",
        "instanceof_expression": "name",
        "type_pattern": "",
        "type_parameter": "",
    },
    scopes=_set(
        "method_declaration constructor_declaration lambda_expression block for_statement"
        " enhanced_for_statement catch_clause try_with_resources_statement constructor_body"
        " class_declaration interface_declaration switch_block_statement_group if_statement"
    ),
    new={"object_creation_expression": "type"},
    same=_set("parenthesized_expression generic_type"),
    this=_set("this"),
    literals=_set(
        "string_literal decimal_integer_literal true false null_literal character_literal"
        " integral_type floating_point_type boolean_type array_type void_type"
    ),
    imports=_set("import_declaration package_declaration"),
    returns="type",
    bases=_set("superclass super_interfaces extends_interfaces"),
)

_RUST = Rules(
    identifiers=_set("identifier field_identifier type_identifier shorthand_field_identifier"),
    members={
        "field_expression": ("value", "field"),
        "scoped_identifier": ("path", "name"),
        "scoped_type_identifier": ("path", "name"),
    },
    calls={"call_expression": "function", "macro_invocation": "macro", "struct_expression": "name"},
    locals={
        "parameter": "pattern",
        "let_declaration": "pattern",
        "closure_parameters": "",
        "for_expression": "pattern",
        "let_condition": "pattern",
        "match_pattern": "",
        "type_parameter": "name",
        "captured_pattern": "",
    },
    scopes=_set(
        "function_item closure_expression block for_expression match_arm if_expression"
        " while_expression impl_item struct_item trait_item function_signature_item"
    ),
    new={"struct_expression": "name"},
    same=_set(
        "parenthesized_expression reference_type reference_expression try_expression generic_type"
        " await_expression mutable_specifier"
    ),
    this=_set("self"),
    literals=_set(
        "string_literal integer_literal float_literal boolean_literal char_literal primitive_type"
        " array_type tuple_type unit_type"
    ),
    fields={"field_declaration": "name", "enum_variant": "name"},
    imports=_set("use_declaration"),
    returns="return_type",
)

_C = Rules(
    identifiers=_set(
        "identifier field_identifier type_identifier namespace_identifier destructor_name"
    ),
    members={
        "field_expression": ("argument", "field"),
        "qualified_identifier": ("scope", "name"),
    },
    calls={"call_expression": "function"},
    locals={
        "parameter_declaration": "declarator",
        "optional_parameter_declaration": "declarator",
        "declaration": "declarator",
        "for_range_loop": "declarator",
        "type_parameter_declaration": "",
        "preproc_params": "",
    },
    scopes=_set(
        "function_definition compound_statement for_statement for_range_loop lambda_expression"
        " template_declaration preproc_function_def catch_clause"
    ),
    new={"new_expression": "type"},
    same=_set("parenthesized_expression pointer_expression template_type"),
    this=_set("this"),
    literals=_set("string_literal number_literal char_literal true false null primitive_type"),
    fields={"field_declaration": "declarator", "enumerator": "name"},
    bases=_set("base_class_clause"),
)

_CSHARP = Rules(
    identifiers=_set("identifier"),
    members={
        "member_access_expression": ("expression", "name"),
        "qualified_name": ("qualifier", "name"),
        "conditional_access_expression": ("condition", ""),
    },
    calls={"invocation_expression": "function", "object_creation_expression": "type"},
    locals={
        "parameter": "name",
        "local_declaration_statement": "",
        "foreach_statement": "left",
        "catch_declaration": "name",
        "declaration_pattern": "name",
        "declaration_expression": "name",
        "type_parameter": "name",
    },
    scopes=_set(
        "method_declaration constructor_declaration local_function_statement lambda_expression"
        " block foreach_statement for_statement catch_clause accessor_declaration"
    ),
    new={"object_creation_expression": "type"},
    same=_set("parenthesized_expression nullable_type generic_name await_expression"),
    this=_set("this"),
    literals=_set(
        "string_literal integer_literal boolean_literal real_literal null_literal predefined_type"
        " implicit_type array_type"
    ),
    imports=_set("using_directive"),
    returns="returns",
    bases=_set("base_list"),
)

_RUBY = Rules(
    identifiers=_set("identifier constant instance_variable"),
    members={"call": ("receiver", "method"), "scope_resolution": ("scope", "name")},
    calls={"call": "method"},
    locals={
        "method_parameters": "",
        "block_parameters": "",
        "lambda_parameters": "",
        "optional_parameter": "name",
        "keyword_parameter": "name",
        "splat_parameter": "name",
        "hash_splat_parameter": "name",
        "block_parameter": "name",
        "assignment": "left",
        "left_assignment_list": "",
        "for": "pattern",
        "exception_variable": "",
    },
    scopes=_set("method singleton_method block do_block lambda"),
    this=_set("self"),
    literals=_set("string integer float array hash true false nil simple_symbol regex"),
    bases=_set("superclass"),
)

_PHP = Rules(
    identifiers=_set("name"),
    members={
        "member_access_expression": ("object", "name"),
        "member_call_expression": ("object", "name"),
        "nullsafe_member_call_expression": ("object", "name"),
        "nullsafe_member_access_expression": ("object", "name"),
        "scoped_call_expression": ("scope", "name"),
        "class_constant_access_expression": ("", ""),
    },
    calls={
        "function_call_expression": "function",
        "member_call_expression": "name",
        "scoped_call_expression": "name",
        "nullsafe_member_call_expression": "name",
        "object_creation_expression": "",
    },
    locals={},
    scopes=_set("function_definition method_declaration anonymous_function arrow_function"),
    new={"object_creation_expression": ""},
    same=_set("parenthesized_expression named_type optional_type"),
    literals=_set("string encapsed_string integer float boolean null array_creation_expression"),
    imports=_set("namespace_use_declaration namespace_definition"),
    returns="return_type",
    bases=_set("base_clause class_interface_clause"),
    private="variable_name",
)

# For all others: what most grammars agree on. Nothing is known of their locals and imports.
_COMMON = Rules(
    identifiers=_set(
        "identifier simple_identifier type_identifier field_identifier property_identifier name"
        " constant word value_name constructor_name variable alias function_name command_name"
        " value_path lower_case_identifier upper_case_identifier"
    ),
    members={
        "navigation_expression": ("target", "suffix"),
        "field_expression": ("value", "field"),
        "dot_index_expression": ("table", "field"),
        "method_index_expression": ("table", "method"),
        "member_expression": ("object", "property"),
    },
    calls={
        "call_expression": "",
        "function_call": "",
        "call": "target",
        "invocation_expression": "",
        "command": "",
        "application": "",
        "application_expression": "",
        "apply": "",
    },
    locals={
        "parameter": "name",
        "class_parameter": "name",
        "value_parameter": "",
        "parameters": "",
        "local_variable_declaration": "",
    },
    scopes=_set(
        "function_declaration function_definition function_body method_declaration lambda_literal"
        " lambda_expression function do_block block"
    ),
)

RULES: Mapping[str, Rules] = {
    "go": _GO,
    "java": _JAVA,
    "rust": _RUST,
    "c": _C,
    "cpp": _C,
    "csharp": _CSHARP,
    "ruby": _RUBY,
    "php": _PHP,
    **dict.fromkeys(
        ("kotlin", "scala", "swift", "lua", "elixir", "haskell", "zig", "bash", "julia", "ocaml",
         "ocaml_interface"),
        _COMMON,
    ),
}  # fmt: skip
