return function(NULL, host) return {} end
