import HTTPTypes
import Hummingbird
import LabCore
import LabPostgres
import LabState
import Logging
import Tracing

/// One operation with what its route needs, made once at start.
struct MountedOperation: Sendable {
    let declaration: OperationDeclaration
    let inputSchema: JSONSchema
    let outputSchema: JSONSchema
    /// Whether it shows one resource, so that its answer may be kept until something changes.
    let isKept: Bool
    let respond: @Sendable (Request, Parameters, OperationCall) async throws -> Response

    /// - Throws: when a schema cannot be derived, which a test of every operation finds.
    init(_ operation: some Operation) throws {
        try self.init(mounting: operation)
    }

    private init<Mounted: Operation>(mounting operation: Mounted) throws {
        let declaration = operation.declaration
        let inputSchema = try operation.inputSchema()
        let reader = InputReader(declaration, schema: inputSchema)
        self.declaration = declaration
        self.inputSchema = inputSchema
        outputSchema = try operation.outputSchema()
        isKept = operation is any ResourceReading
        respond = { request, parameters, call in
            let input = try await reader.read(Mounted.Input.self, request, parameters)
            let output = try await operation.run(input, call)
            let text = try (output as? any JSONTextRepresentable)?.jsonText ?? JSONText(encoding: output)
            return .json(text, status: declaration.successStatus)
        }
    }
}

/// The REST routes of operations: authentication is done before, scope and audit here.
struct OperationRoutes: Sendable {
    let operations: [MountedOperation]
    let lab: LabContext
    let tokens: TokenStore
    let answers: ResourceAnswers

    func add(to router: Router<LabRequestContext>) {
        for operation in operations {
            router.on(
                RouterPath(operation.declaration.path),
                method: HTTPRequest.Method(rawValue: operation.declaration.method.rawValue) ?? .get
            ) { request, context in
                try await respond(operation, request, context)
            }
        }
    }

    private func respond(
        _ operation: MountedOperation, _ request: Request, _ context: LabRequestContext
    ) async throws -> Response {
        let declaration = operation.declaration
        guard let caller = context.caller else {
            throw Problem(.unauthenticated, title: "A token is needed", detail: "no token was given")
        }
        let call = OperationCall(caller: caller, lab: lab, tokens: tokens)
        guard declaration.scope > .read else {
            guard operation.isKept else { return try await operation.respond(request, context.parameters, call) }
            return try await answers.answer(request.uri.string) {
                try await operation.respond(request, context.parameters, call)
            }
        }
        // What was written is seen by whoever reads next, also when the operation failed half-way.
        defer { answers.forget() }
        do {
            try allow(caller, declaration)
            let response = try await withSpan(declaration.name, ofKind: .server) { _ in
                try await operation.respond(request, context.parameters, call)
            }
            await audit(operation, context, caller, status: response.status.code)
            return response
        } catch {
            let problem = ProblemMiddleware.problem(from: error, request, context)
            await audit(operation, context, caller, status: problem.status)
            throw problem
        }
    }

    private func allow(_ caller: Caller, _ declaration: OperationDeclaration) throws {
        guard caller.scope >= declaration.scope else {
            throw Problem(
                .forbidden, title: "The token does not allow this",
                detail:
                    "\(declaration.name) needs the scope \(declaration.scope), and “\(caller.name)” has \(caller.scope)",
                remedy: "Use a token with the scope \(declaration.scope); an admin makes one with “lab token create”")
        }
    }

    /// Who asked for what, when, and how it ended. A database that is away fails the operation itself already.
    private func audit(
        _ operation: MountedOperation, _ context: LabRequestContext, _ caller: Caller, status: Int
    ) async {
        let subject = context.parameters.get("name")
        do {
            try await lab.store.postgres.query(
                """
                insert into lab.audit (token, operation, subject, status)
                values (\(caller.name), \(operation.declaration.name), \(subject), \(Int32(status)))
                """)
        } catch {
            context.logger.warning("An audit entry was not written", metadata: ["error": "\(error)"])
        }
    }
}
