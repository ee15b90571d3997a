// From the OpenAPI document to a list of fields: what each input is, in the inputs' order.

const MAX_DEPTH = 8;

function resolved(schema, schemas, depth = 0) {
  // A reference, or what stands for one together with its own description and default.
  if (typeof schema !== "object" || schema === null || depth > MAX_DEPTH) return {};
  const named = typeof schema.$ref === "string" ? schemas[schema.$ref.split("/").pop()] : undefined;
  let whole = { ...schema };
  if (named) whole = { ...resolved(named, schemas, depth + 1), ...schema };
  for (const part of Array.isArray(schema.allOf) ? schema.allOf : []) {
    whole = { ...resolved(part, schemas, depth + 1), ...whole };
  }
  if (Array.isArray(schema.anyOf)) {
    const others = schema.anyOf.filter((part) => part && part.type !== "null");
    if (others.length < schema.anyOf.length) whole.nullable = true;
    if (others.length === 1) whole = { ...resolved(others[0], schemas, depth + 1), ...whole };
  }
  return whole;
}

function kindOf(schema) {
  if (Array.isArray(schema.enum)) return "choice";
  if (schema.type === "boolean" || schema.type === "integer" || schema.type === "number") return schema.type;
  if (schema.type === "string") return schema.format === "uri" ? "file" : "text";
  if (schema.type === "array") return "list";
  return "json";
}

function fieldOf(name, property, schemas, required, depth = 0) {
  // A list of lists without end is JSON.
  const schema = depth > MAX_DEPTH ? {} : resolved(property, schemas);
  const field = {
    name,
    title: name,
    description: typeof schema.description === "string" ? schema.description : "",
    kind: kindOf(schema),
    required,
    nullable: schema.nullable === true,
    hasDefault: schema.default !== undefined && schema.default !== null,
    default: schema.default,
    minimum: schema.minimum,
    maximum: schema.maximum,
    minLength: schema.minLength,
    maxLength: schema.maxLength,
    pattern: schema.pattern,
    choices: schema.enum,
    secret: schema["x-cog-secret"] === true || schema.format === "password",
    accept: schema["x-cog-accept"],
    order: typeof schema["x-order"] === "number" ? schema["x-order"] : 0,
  };
  // The enumeration's own description says nothing of the input.
  if (field.kind === "choice" && property.description === undefined) field.description = "";
  if (field.kind === "list") field.item = fieldOf(name, schema.items || {}, schemas, true, depth + 1);
  return field;
}

// {route, fields, streaming, display}: what the server can be asked for, and how its output is shown.
function modelOf(openapi) {
  const schemas = (openapi.components && openapi.components.schemas) || {};
  const training = !schemas.Input && schemas.TrainingInput;
  const input = resolved(training ? schemas.TrainingInput : schemas.Input, schemas);
  const required = Array.isArray(input.required) ? input.required : [];
  const fields = Object.entries(input.properties || {}).map(([name, property]) =>
    fieldOf(name, property, schemas, required.includes(name)),
  );
  fields.sort((one, other) => one.order - other.order);
  const route = training ? "trainings" : "predictions";
  const post = ((openapi.paths || {})[`/${route}`] || {}).post || {};
  const output = resolved(training ? schemas.TrainingOutput : schemas.Output, schemas);
  return {
    route,
    fields,
    streaming: post["x-cog-streaming"] === true,
    concatenate: output["x-cog-array-display"] === "concatenate",
  };
}

// What is wrong with a value, or "".
function mistakeIn(field, value) {
  if (field.kind === "integer" || field.kind === "number") {
    if (typeof value !== "number" || !Number.isFinite(value)) return "Enter a number.";
    if (field.kind === "integer" && !Number.isInteger(value)) return "Enter a whole number.";
    if (field.minimum !== undefined && value < field.minimum) return `The least value is ${field.minimum}.`;
    if (field.maximum !== undefined && value > field.maximum) return `The greatest value is ${field.maximum}.`;
  }
  if (field.kind === "text") {
    const length = [...value].length;
    if (field.minLength !== undefined && length < field.minLength) return `At least ${field.minLength} characters.`;
    if (field.maxLength !== undefined && length > field.maxLength) return `At most ${field.maxLength} characters.`;
    if (field.pattern !== undefined && !matches(field.pattern, value)) return `Must match the pattern ${field.pattern}`;
  }
  return "";
}

function matches(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // Python's and JavaScript's patterns differ; the server decides.
  }
}
