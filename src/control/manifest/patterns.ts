// The patterns of code that deserves a look before it is given rights. They are found by text, not
// by meaning: finding nothing proves nothing. Pure.

export const severities = ["CRITICAL", "HIGH", "MEDIUM", "INFO"] as const;
export type Severity = (typeof severities)[number];

export interface Pattern {
  readonly id: string;
  readonly category:
    | "download_exec"
    | "obfuscated_shell"
    | "credential_access"
    | "path_traversal"
    | "network_egress";
  readonly severity: Severity;
  readonly expression: RegExp;
}

function pattern(
  id: string,
  category: Pattern["category"],
  severity: Severity,
  expression: RegExp,
): Pattern {
  return { id, category, severity, expression };
}

/**
 * In the order findings of one line have. Quantifiers are bounded: a line is anybody's, and a
 * pattern must not take quadratic time on it.
 */
export const patterns: readonly Pattern[] = [
  pattern(
    "download_pipe_shell",
    "download_exec",
    "CRITICAL",
    /\b(?:curl|wget)\s[^|]{0,500}(?:\|[^|]{1,200}){0,4}\|\s*(?:sudo\s+)?(?:\/\S{0,40}\/)?(?:ba|z|da|k)?sh\b/i,
  ),
  pattern(
    "subprocess_shell_true",
    "download_exec",
    "HIGH",
    /\bsubprocess\b.{0,500}?\bshell\s*=\s*true\b/i,
  ),
  pattern("os_system_call", "download_exec", "HIGH", /\bos\.system\s*\(/i),
  pattern("dynamic_exec_compile", "download_exec", "CRITICAL", /\bexec\s*\(\s*compile\s*\(/i),
  pattern(
    "eval_obfuscated",
    "obfuscated_shell",
    "CRITICAL",
    /\beval\s*\(.{0,200}?(?:base64|__import__|\bcompile\b)/i,
  ),
  pattern(
    "download_and_exec",
    "download_exec",
    "CRITICAL",
    /\b(?:urllib|requests)\b.{0,200}?\.(?:get|post)\s*\(.{0,500}?\bexec\b/i,
  ),
  pattern(
    "base64_decode_pipe",
    "obfuscated_shell",
    "CRITICAL",
    /\bbase64\s{1,20}(?:-[a-z]{0,4}d[a-z]{0,4}\b|--decode\b)(?:[^|]|\|\|){0,500}\|(?!\|)/i,
  ),
  pattern("hex_obfuscation", "obfuscated_shell", "HIGH", /(?:\\x[0-9a-f]{2}){8}/i),
  pattern(
    "chr_concat_obfuscation",
    "obfuscated_shell",
    "MEDIUM",
    /\bchr\s*\(\s*\d{1,7}\s*\)\s*\+/i,
  ),
  pattern(
    "ssh_key_access",
    "credential_access",
    "CRITICAL",
    /(?:~|\$\{?HOME\}?|\/root)\/\.ssh(?![\w-])/i,
  ),
  pattern(
    "env_secret_access",
    "credential_access",
    "CRITICAL",
    /\bos\.environ\s*\[[^\]]{0,200}?(?:SECRET|TOKEN|PASSWORD|(?<![A-Z])KEY|(?:API|ACCESS|AUTH|PRIVATE|SIGNING)KEY)S?(?![A-Z])/i,
  ),
  pattern(
    "sensitive_system_file",
    "credential_access",
    "CRITICAL",
    /(?<![\w.-])\/etc\/(?:passwd|shadow|sudoers)(?![\w-])/i,
  ),
  pattern(
    "keychain_access",
    "credential_access",
    "CRITICAL",
    /\bkeychain\b|\bSecKeychainFind|\bCryptUnprotectData\b/i,
  ),
  pattern(
    "aws_credentials",
    "credential_access",
    "CRITICAL",
    /(?<!\w)\.aws\/(?:credentials|config)\b/i,
  ),
  // Not where a module is imported from its neighbours.
  pattern(
    "double_dotdot",
    "path_traversal",
    "HIGH",
    /(?<!(?:\bfrom|\bimport|\b(?:import|require)\s?\()\s{0,3}["'](?:\.\.\/){0,20})\.\.\/\.\.\//,
  ),
  pattern(
    "file_open_traversal",
    "path_traversal",
    "HIGH",
    /\b(?:open|read|write)\s*\([^)]{0,300}?\.\.\//i,
  ),
  pattern("url_encoded_traversal", "path_traversal", "HIGH", /%2e%2e[%/]/i),
  pattern(
    "netcat_exec",
    "network_egress",
    "CRITICAL",
    /(?<![\w.-])(?:nc|netcat|ncat)\s(?:[^|;&]{0,200}\s)?-[a-z]{0,10}e[a-z]{0,10}(?![\w-])/i,
  ),
  pattern(
    "raw_socket_connect",
    "network_egress",
    "HIGH",
    /\bsocket\.(?:connect|bind)\s*\(\s*\([^)]{0,100}?\d{1,3}\.\d/i,
  ),
];
