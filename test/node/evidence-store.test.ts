// Nobody is accused by a signature that is not his, and evidence is bounded (S15, S16; PITFALLS 25).

import { beforeAll, expect, test } from 'vitest'
import type { Equivocation, Vote } from '../../consensus/types.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { EvidenceStore } from '../../node/evidence-store.ts'
import { createLog } from '../../node/log.ts'
import { freshVerifier, on } from '../consensus/certificate-ground.ts'
import { blockNamed, type Committee, createCommittee, index, view, voteOf } from '../consensus/committee.ts'

let committee: Committee
beforeAll(async () => {
  committee = await createCommittee(await loadBls('blst'), [1, 1, 1, 1])
})

const store = () => new EvidenceStore(freshVerifier(committee, committee.bls), createLog('silent', 'json'))
const voteFor = (name: string, signer = 1): Promise<Vote> =>
  voteOf(committee, signer, { ...on, blockId: blockNamed(name) })

async function doubleVote(signer = 1): Promise<Equivocation & { readonly kind: 'double-vote' }> {
  return { kind: 'double-vote', first: await voteFor('one', signer), second: await voteFor('other', signer) }
}

test('two votes of one signer that verify are kept', async () => {
  const evidence = store()
  await evidence.keep(await doubleVote())
  expect(evidence.all()).toMatchObject([{ kind: 'double-vote', first: { signer: 1 } }])
})

test.each(['first', 'second'] as const)('a %s vote that another signed accuses nobody', async (which) => {
  const evidence = store()
  const forged = { ...(await voteFor(which === 'first' ? 'one' : 'other', 2)), signer: index(1) }
  await evidence.keep({ ...(await doubleVote()), [which]: forged })
  expect(evidence.all()).toEqual([])
})

test('a vote of another view does not pass under this one', async () => {
  const evidence = store()
  const moved = { ...(await voteFor('other')), view: view(on.view + 1) }
  await evidence.keep({ ...(await doubleVote()), second: moved })
  expect(evidence.all()).toEqual([])
})

test('one piece for each validator and kind', async () => {
  const evidence = store()
  for (const signer of [1, 1, 2, 1]) await evidence.keep(await doubleVote(signer))
  expect(evidence.size).toBe(2)
})
