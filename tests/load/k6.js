// One unary call an iteration, with k6's least cost: one connection a user, the answer not turned into an object.
// compare.py gives the scenario in the environment.
import grpc from 'k6/net/grpc';
import { Counter } from 'k6/metrics';

const client = new grpc.Client();
client.load([__ENV.PROTO_DIR], 'relay.proto');
const failed = new Counter('failed');
const message = JSON.parse(__ENV.MESSAGE);
const params = { discardResponseMessage: true };

export const options = {
  scenarios: { calls: JSON.parse(__ENV.SCENARIO) },
  summaryTrendStats: ['med', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'max', 'count'],
};

export default function () {
  if (__ITER === 0) {
    client.connect(__ENV.ADDRESS, { plaintext: true });
  }
  const answer = client.invoke('relay.v1.RelayService/Pass', message, params);
  if (answer.status !== grpc.StatusOK) {
    failed.add(1);
  }
}

export function handleSummary(data) {
  const values = {};
  for (const name of ['grpc_req_duration', 'iterations', 'dropped_iterations', 'failed']) {
    values[name] = data.metrics[name] ? data.metrics[name].values : {};
  }
  return { stdout: JSON.stringify(values) };
}
