// Compiled with --strict and never run: the types of a program, and of what must not compile.
import { Model, Prefix, Request, Runtime, SkeinError, Status, Stream, borrow, optionKeys, version } from "skein";

async function main(path: string): Promise<string> {
  const runtime: Runtime = await Runtime.create({ threads: 2 });
  const model: Model = await runtime.loadModel(path, { type: "q8", deterministic: true, maxStreams: 8 });
  const stream: Stream = model.createStream({ tenant: "ann" });
  let text = version;
  for await (const event of stream.generate("And", { maxTokens: 8, stop: ["\n"], logitBias: { 1: -1 } })) {
    text += event.text;
    if (event.kind === "done") return event.reason;
  }
  const { samples, last } = await stream.complete([1, 2, 3], { n: 2, seed: 7n });
  const request: Request = stream.createRequest({ window: 4, stopTokens: new Set([3]) }).setPrompt("a");
  const logprob: number = request.logprobs("prompt", 0, 1).logprobs[0]!;
  const [result] = await model.eval([{ stream, tokens: new Uint32Array(1), output: "allLogits" }]);
  const row: Float32Array | undefined = result!.output;
  const prefix: Prefix = Prefix.create(stream, "name");
  stream[Symbol.dispose]();
  await stream.generate("And")[Symbol.asyncDispose]();
  const shared = borrow(model.share());
  if (shared instanceof Model) shared.close();
  // @ts-expect-error: no such option
  model.createStream({ tennant: "ann" });
  // @ts-expect-error: streams are made by models
  new Stream();
  // @ts-expect-error: a text or tokens
  stream.generate({});
  // @ts-expect-error: no such output
  await stream.eval([1], "logits");
  // @ts-expect-error: a promise
  const size: number = stream.snapshot().length;
  return `${text}${samples.length}${last.position}${logprob}${row}${prefix}${size}${optionKeys("model")[0]!.help}`;
}

main("model.skein").catch((error: unknown) => {
  if (error instanceof SkeinError && error.code === Status.RESOURCE_EXHAUSTED) return error.retryAfterMs;
  throw error;
});
