// Calls @openmeter/sdk as a program would. Reads {"baseUrl", "apiKey", "calls": [[resource, method, ...arguments]]} from
// standard input and prints an answer a call: {"value"} or {"error": {"name", "status"}}. Arguments that look like
// an instant become a Date, as the SDK's types ask for.
import { text } from 'node:stream/consumers'
import { OpenMeter } from '@openmeter/sdk'

const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/
const dates = (_, value) => (typeof value === 'string' && INSTANT.test(value) ? new Date(value) : value)

const { baseUrl, apiKey, calls } = JSON.parse(await text(process.stdin), dates)
const client = new OpenMeter({ baseUrl, apiKey })
const answers = []
for (const [resource, method, ...parameters] of calls) {
  try {
    answers.push({ value: (await client[resource][method](...parameters)) ?? null })
  } catch (error) {
    answers.push({ error: { name: error.constructor.name, status: error.status ?? null, message: error.message } })
  }
}
console.log(JSON.stringify(answers))
