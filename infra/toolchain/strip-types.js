// Jest's transform: types are blanked out, everything else keeps its line and column, so no source map is needed.
import { stripTypeScriptTypes } from 'node:module';

export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) };
