// Commands that ask a node: where it is, what a problem it names reads like, and what to say when nobody answers.

import type { Command } from 'commander'
import { type ApiClient, createClient, type Result } from '../../api/client.ts'
import { codeOf } from '../fault.ts'
import { failed, type JsonOption, type Outcome, textOf } from './outcome.ts'

export const DEFAULT_API = 'http://127.0.0.1:4000'

export interface RemoteOptions extends JsonOption {
  readonly api: string
}

export function addRemote(command: Command): Command {
  return command.option('--api <url>', 'the node to ask', DEFAULT_API)
}

/** Runs `work` with a client; a connection that fails is an outcome like any other. */
export async function askNode(
  options: RemoteOptions,
  work: (client: ApiClient, url: string) => Promise<Outcome>,
): Promise<Outcome> {
  const { api } = options
  if (!URL.canParse(api) || !/^https?:$/.test(new URL(api).protocol)) {
    return failed('api-url-invalid', `--api ${api} is not a URL such as ${DEFAULT_API}`)
  }
  try {
    return await work(createClient(api), api)
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    return failed(
      'api-unreachable',
      `${api} does not answer as a node (${reason}): start one, or name another with --api`,
    )
  }
}

/** fetch hides what happened in `cause`; an answer that is no JSON comes from something that is no node. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof SyntaxError) return 'its answer is not JSON'
  if (!(error instanceof TypeError) || error.message !== 'fetch failed') return undefined
  return codeOf(error.cause) ?? textOf(error.cause)
}

export function refused(result: Extract<Result<unknown>, { ok: false }>): Outcome {
  const { code, detail } = result.problem
  return failed(code, `the node refused: ${detail}`)
}
