public import LabCore
import LabState

/// The OpenAPI 3.1 document of operations: made from their declarations, so that it cannot disagree with them.
public struct OpenAPI: Sendable {
    private let title: String
    private let operations: [MountedOperation]

    init(title: String, operations: [MountedOperation]) {
        self.title = title
        self.operations = operations
    }

    /// The document of a process that hosts these services, without any of them running.
    ///
    /// - Throws: when a schema cannot be derived, which a test of every operation finds.
    public init(of services: [any LabService.Type]) throws {
        let operations = CommonOperations.all + services.flatMap { $0.operations }
        self.init(title: Self.title(of: services), operations: try operations.map { try MountedOperation($0) })
    }

    /// The service's name where there is one, else the platform's.
    static func title(of services: [any LabService.Type]) -> String {
        services.count == 1 ? services[0].name : "lab"
    }

    public var document: JSONValue {
        var paths: [String: JSONValue] = [:]
        for (path, group) in Dictionary(grouping: operations, by: \.declaration.path) {
            paths[path] = .object(
                Dictionary(group.map { ($0.declaration.method.rawValue.lowercased(), item($0)) }) { first, _ in first })
        }
        for (path, summary, contentType) in Self.streams {
            paths[path] = stream(path, summary, contentType)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": .string(title), "version": .string(LabVersion.current),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "security": [["bearer": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": ["bearer": ["type": "http", "scheme": "bearer"]],
                "schemas": ["Problem": Problem.schema.document],
            ],
        ]
    }

    /// What answers with something other than JSON.
    private static let streams = [
        ("/v1/watch/{kind}/{name}", "Follows one resource: its document now and at each change.", "text/event-stream"),
        ("/v1/events/stream", "Follows the recorded events.", "text/event-stream"),
    ]

    private func stream(_ path: String, _ summary: String, _ contentType: String) -> JSONValue {
        let parameters: [JSONValue] = path.split(separator: "/").filter { $0.hasPrefix("{") }.map { segment in
            [
                "name": .string(String(segment.dropFirst().dropLast())), "in": "path", "required": true,
                "schema": ["type": "string"],
            ]
        }
        return [
            "get": [
                "operationId": .string(path.contains("watch") ? "resource.watch" : "event.stream"),
                "summary": .string(summary), "tags": ["watch"], "parameters": .array(parameters),
                "responses": [
                    "200": [
                        "description": "A stream of Server-Sent Events.",
                        "content": [contentType: ["schema": ["type": "string"]]].json,
                    ],
                    "default": Self.problemResponse,
                ],
            ]
        ]
    }

    private func item(_ operation: MountedOperation) -> JSONValue {
        let declaration = operation.declaration
        var members: [String: JSONValue] = [
            "operationId": .string(declaration.name),
            "summary": .string(declaration.summary),
            "tags": [.string(String(declaration.name.split(separator: ".").first ?? "lab"))],
            "x-lab-safety": .string(declaration.safety.rawValue),
            "x-lab-scope": .string(declaration.scope.rawValue),
            "responses": [
                String(declaration.successStatus): [
                    "description": "Done.",
                    "content": ["application/json": ["schema": operation.outputSchema.document]],
                ].json,
                "default": Self.problemResponse,
            ].json,
        ]
        if !declaration.phrases.isEmpty {
            members["x-lab-phrases"] = .array(declaration.phrases.map { .string($0) })
        }
        let pathParameters = declaration.pathParameters
        let parameters: [JSONValue] = operation.inputSchema.properties.filter { $0.name != "body" }.map { property in
            let isPath = pathParameters.contains(property.name)
            var schema = property.schema
            schema.isNullable = false
            let summary = schema.summary
            schema.summary = nil
            var parameter: [String: JSONValue] = [
                "name": .string(property.name), "in": isPath ? "path" : "query",
                "required": .boolean(isPath || property.isRequired), "schema": schema.document,
            ]
            if let summary { parameter["description"] = .string(summary) }
            return .object(parameter)
        }
        if !parameters.isEmpty { members["parameters"] = .array(parameters) }
        if let body = operation.inputSchema.property("body") {
            members["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": body.document]],
            ]
        }
        return .object(members)
    }

    private static let problemResponse: JSONValue = [
        "description": "What was wrong, and what to do (RFC 9457).",
        "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
    ]
}

extension [String: JSONValue] {
    fileprivate var json: JSONValue { .object(self) }
}
