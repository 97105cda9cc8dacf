import FoundationEssentials
import Glibc
import LabKit

/// An app as the commands show it: the parts of its document that they need.
struct AppView: Decodable, Sendable {
    struct Spec: Decodable, Sendable {
        /// nil of an app in containers.
        let upstream: String?
        let host: Hostname?
        let title: String?
        let category: String?
    }

    struct ConditionView: Decodable, Sendable {
        let type: String
        let status: Condition.Status
        let reason: String
        let message: String
        let observedGeneration: Int64
        let observedAt: Date
    }

    let name: ResourceName
    let generation: Int64
    let deletedAt: Date?
    let spec: Spec
    let conditions: [ConditionView]

    /// The condition as far as it speaks of the present generation.
    func condition(_ type: String) -> ConditionView? {
        conditions.first { $0.type == type && $0.observedGeneration >= generation }
    }
}

/// A page of apps.
struct AppList: Decodable, Sendable {
    let items: [AppView]
    let next: ResourceName?
}

extension LabClient {
    /// All apps, page by page.
    func appPages() async throws -> [JSONText] {
        var pages: [JSONText] = []
        var after: ResourceName?
        repeat {
            let page = try await request(.get, "/v1/apps?limit=500" + (after.map { "&after=\($0)" } ?? ""))
            pages.append(page)
            after = try page.decode(AppList.self).next
        } while after != nil
        return pages
    }

    func apps() async throws -> [AppView] {
        try await appPages().flatMap { try $0.decode(AppList.self).items }
    }

    /// Asks for something about one app; one that does not exist is answered in the words of the commands.
    func requestApp(_ method: HTTPMethod, _ name: String) async throws -> JSONText {
        do {
            return try await request(method, "/v1/apps/\(try PathSegment(name).text)")
        } catch var problem as Problem where problem.reason == .notFound {
            problem.remedy = "See which apps there are with “lab status”"
            throw problem
        }
    }
}
