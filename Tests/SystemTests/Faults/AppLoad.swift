import Foundation
import LabCore
import LabHTTPClient
import LabState
import Testing

/// What clients do to the lab while faults strike: each app is declared, each second one removed again, each tenth
/// declared once more with another title.
struct AppLoad: Sendable {
    let count: Int
    let clients: Int
    /// Between two requests of one client, in the mean.
    let pace: Duration

    func name(_ index: Int) -> String { "app-\(index)" }
    func isRemoved(_ index: Int) -> Bool { index % 2 == 1 }
    func isChanged(_ index: Int) -> Bool { index % 10 == 4 }

    var all: Range<Int> { 0..<count }
    var kept: Set<String> { Set(all.filter { !isRemoved($0) }.map(name)) }
    var removed: Set<String> { Set(all.filter(isRemoved).map(name)) }
    var changed: Set<String> { Set(all.filter(isChanged).map(name)) }

    func run(_ api: AppClient, upstream: String, seed: UInt64) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<clients {
                group.addTask {
                    try await run(client, api, upstream, SeededGenerator(seed: seed &+ UInt64(client)))
                }
            }
            try await group.waitForAll()
        }
    }

    /// An app is changed or removed when the client has declared two further ones: some are online by then, others not.
    private func run(
        _ client: Int, _ api: AppClient, _ upstream: String, _ generator: SeededGenerator
    ) async throws {
        var generator = generator
        let own = all.filter { $0 % clients == client }
        var later: [Int] = []
        for index in own {
            try await api.declare(name(index), upstream: upstream, title: "First")
            try await Task.sleep(for: pace * Double.random(in: 0.5...1.5, using: &generator))
            later.append(index)
            guard later.count > 2 else { continue }
            try await finish(later.removeFirst(), api, upstream)
            try await Task.sleep(for: pace * Double.random(in: 0...1, using: &generator))
        }
        for index in later { try await finish(index, api, upstream) }
    }

    private func finish(_ index: Int, _ api: AppClient, _ upstream: String) async throws {
        if isChanged(index) { try await api.declare(name(index), upstream: upstream, title: "Second") }
        if isRemoved(index) { try await api.remove(name(index)) }
    }
}

/// Declares and removes apps over REST, stubbornly: what is refused because something is away is asked again.
struct AppClient: Sendable {
    let api: String
    let token: Secret<String>
    let http: HTTPClient

    func declare(_ name: String, upstream: String, title: String) async throws {
        let body = try JSONText(encoding: ["upstream": upstream, "title": title]).text
        try await ask(.put, name, body: .text(body))
    }

    func remove(_ name: String) async throws {
        try await ask(.delete, name, body: .none)
    }

    private func ask(_ method: HTTPMethod, _ name: String, body: HTTPRequestBody) async throws {
        var request = HTTPRequest(
            method: method, url: "\(api)/v1/apps/\(name)", headers: ["Content-Type": "application/json"], body: body)
        request.authorization = HTTPRequest.bearer(token)
        request.retries = .never
        request.timeouts = HTTPTimeouts(connect: .seconds(5), total: .seconds(30), idle: .seconds(30))
        let deadline = ContinuousClock.now + .seconds(120)
        var last = "nothing was asked"
        while ContinuousClock.now < deadline {
            do {
                let response = try await http.execute(request)
                if response.isSuccess { return }
                // An earlier request whose answer was lost may have done it.
                if method == .delete, response.status == 404 { return }
                last = "\(response.status) \(response.text)"
                try #require(response.status == 503, "\(method) \(name): \(last)")
            } catch let error as HTTPClientError {
                last = "\(error)"
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        Issue.record("\(method) \(name) was not done within two minutes: \(last)")
    }
}
