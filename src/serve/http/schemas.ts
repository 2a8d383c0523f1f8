/**
 * The shapes of bodies and answers that the OpenAPI description names. They are made of the codecs of the wire
 * (schemas/schema.ts), a file for each field.
 */
import { ACL_SCHEMAS } from './schemas/acl.ts'
import { AGENT_SCHEMAS } from './schemas/agent.ts'
import { CATALOG_SCHEMAS } from './schemas/catalog.ts'
import { MESH_SCHEMAS } from './schemas/mesh.ts'
import { OPERATOR_SCHEMAS } from './schemas/operator.ts'
import { anything, flag, object, text } from './schemas/schema.ts'
import { STATE_SCHEMAS } from './schemas/state.ts'

export const SCHEMAS = {
  Anything: anything,
  Boolean: flag,
  Text: text,
  Id: object({ ID: text }),
  ...CATALOG_SCHEMAS,
  ...AGENT_SCHEMAS,
  ...STATE_SCHEMAS,
  ...MESH_SCHEMAS,
  ...OPERATOR_SCHEMAS,
  ...ACL_SCHEMAS,
}

export type SchemaName = keyof typeof SCHEMAS
