import HTTPTypes
import Hummingbird
import LabCore
import LabPostgres
import Logging
import Metrics

/// Turns every error into `application/problem+json`.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = LabRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return .problem(Self.problem(from: error, request, context))
        }
    }

    static func problem(from error: any Error, _ request: Request, _ context: Context) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let error as PostgresError where error.isUnavailable:
            return Problem(
                .unavailable, title: "The database is away", detail: "PostgreSQL does not answer now",
                remedy: "Try again in a moment; the lab reconnects by itself")
        case let error as HTTPError where error.status == .notFound:
            return Problem.notFound(
                "the path \(request.uri.path.prefix(200))", remedy: "See /openapi.json for what there is")
        case let error as HTTPError:
            return Problem(
                .invalid, title: "The request cannot be read", detail: error.body ?? error.status.reasonPhrase,
                remedy: "See /openapi.json")
        default:
            context.logger.error("A request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return Problem(
                .internalFault, title: "Something went wrong here",
                detail: "The fault was logged as request \(context.id)", remedy: "Look into the lab's log")
        }
    }
}

/// Lets in who has a token; paths for health are open to all.
struct AuthenticationMiddleware: RouterMiddleware {
    typealias Context = LabRequestContext

    static let openPaths: Set<String> = ["/healthz", "/readyz"]

    let tokens: TokenStore

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if Self.openPaths.contains(request.uri.path) {
            return try await next(request, context)
        }
        guard let header = request.headers[.authorization] else {
            throw Self.unauthenticated("no token was given")
        }
        guard let token = Self.bearer(header) else {
            throw Self.unauthenticated("the header Authorization is not of the form “Bearer TOKEN”")
        }
        guard let caller = try await tokens.caller(of: Secret(token)) else {
            throw Self.unauthenticated("the token is not known, or it has expired")
        }
        var context = context
        context.caller = caller
        return try await next(request, context)
    }

    private static func bearer(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= 256 else { return nil }
        return String(parts[1])
    }

    private static func unauthenticated(_ detail: String) -> Problem {
        Problem(
            .unauthenticated, title: "A token is needed", detail: detail,
            remedy: "Send “Authorization: Bearer TOKEN”; make a token with “lab token create”")
    }
}

/// Counts requests and their time, by path template and status.
struct RequestMetricsMiddleware: RouterMiddleware {
    typealias Context = LabRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        RequestMetrics.shared.record(
            path: context.endpointPath ?? "unknown", method: request.method.rawValue, status: response.status.code,
            duration: ContinuousClock.now - start)
        return response
    }
}
