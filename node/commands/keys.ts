import type { Command } from 'commander'
import type { Finish } from './outcome.ts'
export function addKeys(_program: Command, _finish: Finish): void {}
