// python3 under `workspace`.

import { type MatrixRow, testRows } from "./row.ts";

const readKey = 'exec python3 read.py "$HOME/.ssh/id_ed25519"';
const keyDenied = { action: "FileRead", path: "~/.ssh/id_ed25519" };

const rows: readonly MatrixRow[] = [
  {
    name: "python3 uses json, ssl and sqlite3",
    needs: ["tool python3"],
    fixture: "python",
    command: ["python3", "libraries.py"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/python3" },
      { action: "FileRead", path: "libraries.py" },
      { action: "FileRead", path: /\/json\/(__pycache__\/)?__init__\.(py|.*pyc)$/ },
      { action: "FileRead", path: "/etc/ssl/openssl.cnf" },
      { action: "FileWrite", path: "settings.json" },
      { action: "FileRead", path: "settings.json" },
      { action: "FileWrite", path: "data.db" },
      { action: "FileWrite", path: "data.db-journal" },
      { action: "FileDelete", path: "data.db-journal" },
    ],
    violation: {
      command: ["sh", "-c", readKey],
      says: /^refused: EACCES$/m,
      denied: keyDenied,
    },
  },
  {
    name: "python3 makes a virtual environment and works in it",
    needs: ["tool python3"],
    fixture: "python",
    command: [
      "sh",
      "-c",
      "python3 -m venv --without-pip env && env/bin/python -c 'import sys; print(sys.prefix)'",
    ],
    touched: [
      { action: "DirCreate", path: "env" },
      { action: "FileWrite", path: "env/pyvenv.cfg" },
      { action: "FileRead", path: "env/pyvenv.cfg" },
      { action: "ProcessSpawn", path: "/usr/bin/python3" },
    ],
    violation: {
      command: ["sh", "-c", 'exec env/bin/python read.py "$HOME/.ssh/id_ed25519"'],
      says: /^refused: EACCES$/m,
      denied: keyDenied,
    },
  },
  {
    name: "python3 runs pools of forked and of spawned processes",
    needs: ["tool python3"],
    fixture: "python",
    command: ["python3", "pool.py"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/python3" },
      { action: "FileRead", path: "pool.py" },
      { action: "FileRead", path: /\/multiprocessing\/(__pycache__\/)?pool\.(py|.*pyc)$/ },
    ],
    violation: {
      command: ["sh", "-c", 'exec python3 read_in_pool.py "$HOME/.ssh/id_ed25519"'],
      says: /^refused: EACCES$/m,
      denied: keyDenied,
    },
  },
];

testRows(rows);
