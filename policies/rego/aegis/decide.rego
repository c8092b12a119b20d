# METADATA
# title: Whether an agent may make the tool call it proposes
# description: >
#   Reads the proposed call (input.event), what its session did so far (input.snapshot) and what its
#   publisher declared (input.manifest). Rules are tried in the order in which they stand; the first
#   that matches decides. What is not declared is denied.
package aegis.decide

import rego.v1

# What a manifest without budgets allows, and what an allowed call may cost.
default_budgets := {
	"max_steps": 24,
	"max_tool_calls": 12,
	"max_wall_time_ms": 120000,
	"max_output_bytes": 1048576,
	"timeout_ms": 30000,
}

# Tools are known by the beginning of their name, in any case; "exec" and "exec.shell" both run programs.
network_prefixes := {"mcp.http", "mcp.https", "net"}

exec_prefixes := {"exec"}

# What changes the world outside the session, where tainted text must not reach.
high_risk_prefixes := {
	"exec", "fs.write", "write_file", "db.write", "database.write",
	"net.post", "net.put", "net.patch", "net.delete", "mcp.https.post", "mcp.https.put",
}

decision := answer("deny", "BUDGET_EXCEEDED", {}) if {
	input.event.event_type == "MODEL_CALL_STARTED"
	has_used_up_model_calls
} else := answer("allow", "OK", {}) if {
	is_string(input.event.event_type)
	input.event.event_type != "TOOL_CALL_PROPOSED"
} else := answer("deny", "PERMISSION_UNDECLARED", {}) if {
	not is_declared_proposal
} else := answer("deny", "EGRESS_DENY", {}) if {
	has_prefix(network_prefixes)
	not is_declared_domain
} else := answer("deny", "BUDGET_EXCEEDED", {}) if {
	not is_within_budgets
} else := answer("deny", "LOOP_DETECTED", {}) if {
	is_looping
} else := answer("deny", "TAINTED_TO_HIGH_RISK", {}) if {
	has_prefix(high_risk_prefixes)
	input.snapshot.is_tainted == true
	not is_sanitized
} else := answer("deny", "EXEC_DENY", {}) if {
	has_prefix(exec_prefixes)
	not is_declared_program
} else := answer("require_approval", "APPROVAL_REQUIRED", {}) if {
	some name in input.manifest.permissions.approval_required
	name == tool_name
} else := answer("allow", "OK", {
	"max_output_bytes": limit("max_output_bytes"),
	"timeout_ms": limit("timeout_ms"),
})

answer(outcome, reason, constraints) := {"outcome": outcome, "reason": reason, "constraints": constraints}

tool_name := input.event.payload.tool_name

is_declared_proposal if {
	input.event.event_type == "TOOL_CALL_PROPOSED"
	is_string(tool_name)
	some name in input.manifest.permissions.tools
	name == tool_name
}

has_prefix(prefixes) if {
	some prefix in prefixes
	startswith(lower(tool_name), prefix)
}

is_declared_domain if {
	some pattern in input.manifest.permissions.net.domains
	matches_domain(pattern, input.event.payload.args.domain)
}

matches_domain(pattern, domain) if {
	not startswith(pattern, "*")
	pattern == domain
}

# "*.example.com" stands for every name below example.com, not for itself.
matches_domain(pattern, domain) if {
	startswith(pattern, "*.")
	endswith(domain, substring(pattern, 1, -1))
}

is_within_budgets if {
	used("steps_consumed") < limit("max_steps")
	used("tool_calls_consumed") < limit("max_tool_calls")
	used("wall_time_ms") < limit("max_wall_time_ms")
	not has_used_up_model_calls
}

has_used_up_model_calls if {
	used("model_calls_consumed") >= input.manifest.permissions.budgets.max_model_calls
}

default used(_) := 0

used(counter) := input.snapshot[counter]

limit(name) := object.get(budgets, name, default_budgets[name])

default budgets := {}

budgets := input.manifest.permissions.budgets if is_object(input.manifest.permissions.budgets)

is_looping if {
	violation := input.snapshot.loop_violation
	violation != null
	violation != ""
}

is_sanitized if {
	key := input.event.payload.sanitizer_key
	key != ""
	some known in input.snapshot.sanitized_keys
	known == key
}

is_declared_program if {
	some program in input.manifest.permissions.exec.allowed_bins
	program == input.event.payload.args.bin
}
