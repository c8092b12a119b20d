// Taking the events of ended sessions out of a PostgreSQL ledger, inside the transaction that says
// so: what stays of each is its place in the tree. Piece by piece, so that no statement takes long.

import { AegisError } from "../../base/errors.ts";
import type { SessionState } from "../session-state.ts";
import type { Purge } from "../store.ts";
import type { Session } from "./pool.ts";
import { keyOf, textArray, toldText } from "./rows.ts";

/** Events, sessions or records that one statement is about. */
const pieceMax = 5000;

export async function takeOut(session: Session, { sessions, records }: Purge): Promise<void> {
  for (const piece of piecesOf(sessions)) await takePiece(session, piece);
  for (let at = 0; at < sessions.length; at += pieceMax) {
    const ids = sessions.slice(at, at + pieceMax).map(({ id }) => keyOf(id));
    const sql =
      "UPDATE aegis_session SET command = '[]', directory = '', tag = NULL, last_hash = '' " +
      "WHERE id = ANY($1::text[])";
    await session.query(sql, [textArray(ids)]);
  }
  for (const [kind, all] of Map.groupBy(records, (record) => record.kind)) {
    for (let at = 0; at < all.length; at += pieceMax) {
      const keys = all.slice(at, at + pieceMax).map(({ key }) => toldText(key));
      const sql = "DELETE FROM aegis_record WHERE kind = $1 AND key = ANY($2::text[])";
      await session.query(sql, [kind, textArray(keys)]);
    }
  }
}

/** Events of some sessions with numbers from `from` to before `to`. */
interface Piece {
  readonly sessions: SessionState[];
  readonly from: number;
  readonly to: number;
  count: number;
}

/** Small sessions together, large ones in parts. */
function piecesOf(sessions: readonly SessionState[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let small: Piece | undefined;
  for (const one of sessions) {
    const { nextSeq } = one;
    if (nextSeq > pieceMax) {
      for (let from = 0; from < nextSeq; from += pieceMax) {
        const to = Math.min(nextSeq, from + pieceMax);
        pieces.push({ sessions: [one], from, to, count: to - from });
      }
      continue;
    }
    if (small === undefined || small.count + nextSeq > pieceMax) {
      small = { sessions: [], from: 0, to: pieceMax, count: 0 };
      pieces.push(small);
    }
    small.sessions.push(one);
    small.count += nextSeq;
  }
  return pieces;
}

async function takePiece(session: Session, { sessions, from, to, count }: Piece): Promise<void> {
  const ids = textArray(sessions.map(({ id }) => keyOf(id)));
  const mine = "WHERE session = ANY($1::text[]) AND seq >= $2 AND seq < $3";
  const keep =
    "INSERT INTO aegis_purged(idx, session, leaf) " +
    `SELECT idx, session, leaf FROM aegis_event ${mine}`;
  const kept = await session.query(keep, [ids, from, to]);
  const gone = await session.query(`DELETE FROM aegis_event ${mine}`, [ids, from, to]);
  if (kept.count === count && gone.count === count) return;
  const message = "Cannot purge: the events of the sessions are not those that they count";
  throw new AegisError("ledger/tampered", message, { hint: "run `aegis audit verify`" });
}
