// The version this software says it is: package.json's.

import packageJson from '../package.json' with { type: 'json' }

export const SOFTWARE_VERSION: string = packageJson.version
